"""Test that the documents name only existing files, commands, keys, filters, sources and tests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from feed import filters
from feed.feed_types import FEED_TYPES
from feed.sources import SOURCES
from finishd.operations import docs

ROOT = Path(settings.BASE_DIR)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
    *ROOT.glob("docs/**/*.md"),
]
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != ".data"}  # created by a run

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def _get_code(text: str) -> Iterator[str]:
    """Yield all code of a document: fenced blocks, then inline code."""
    fenced = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    yield from fenced.findall(text)
    yield from re.findall(r"`([^`\n]+)`", fenced.sub("", text))


def _get_anchors(path: Path) -> set[str]:
    """Return the fragments of a document's headings, as GitHub creates them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _get_first_column(heading: str) -> set[str]:
    """Return the inline code in the first column of the table under a heading of RANKING.md."""
    text = (ROOT / "docs" / "RANKING.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n#")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def _exists(path_name: str) -> bool:
    relative = path_name.rstrip("/.")
    return (ROOT / relative).exists() or any(ROOT.glob(relative)) or (ROOT / f"{relative}.py").exists()


def test_the_key_table_is_up_to_date() -> None:
    text = docs.KEYS_PAGE.read_text(encoding="utf-8")
    assert text == docs.replace_key_table(text), "the key table is out of date; run `make keys`"


def test_every_filter_and_source_is_documented() -> None:
    by_id = {f.name for feed in FEED_TYPES.values() for f in feed.id_filters}
    by_facts = {f.name for feed in FEED_TYPES.values() for f in feed.facts_filters}
    assert _get_first_column("Filters") == by_id | by_facts | {filters.UNPUBLISHED}
    assert _get_first_column("Sources") == {source.name for source in SOURCES}


@each_document
def test_links_are_valid(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, fragment = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        assert not fragment or fragment in _get_anchors(linked), target


@each_document
def test_commands_exist(path: Path) -> None:
    code = "\n".join(_get_code(path.read_text(encoding="utf-8")))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)", code)) <= targets
    assert set(re.findall(r"manage\.py ([a-z]\w+)", code)) <= set(get_commands())


@each_document
def test_named_files_and_tests_exist(path: Path) -> None:
    code = "\n".join(_get_code(path.read_text(encoding="utf-8")))
    for path_name, *inside in re.findall(
        r"(?<![\w/.-])([\w.-]+/[\w./*-]*)(?:::([A-Z]\w+))?(?:::(\w+))?", code
    ):
        if path_name.partition("/")[0] not in FOLDERS:
            continue
        assert _exists(path_name), path_name
        for test in filter(None, inside):
            assert re.search(rf"(def|class) {test}\b", (ROOT / path_name).read_text(encoding="utf-8")), test


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_is_short_and_listed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert text.startswith(f"# {path.name[:4]}: ")
    assert re.findall(r"^## (Context|Decision|Rejected)$", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Rejected",
    ]
    assert f"(decisions/{path.name})" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")


def test_each_decision_has_a_number_of_its_own() -> None:
    # There may be a gap: a number is reserved when work on its record begins.
    numbers = [path.name[:4] for path in DECISIONS]
    assert len(set(numbers)) == len(numbers)
    assert all(number.isdecimal() for number in numbers)
