"""Values that another version wrote: golden files of each release, unknown fields, and unreadable bytes.

With `FINISHD_WRITE_GOLDEN=1` the tests write the golden files that the current version lacks.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from finishd.tests.formats import FORMATS, StoredFormat

GOLDEN: Final = Path(__file__).parent / "golden"
PROJECT: Final = tomllib.loads(Path(settings.BASE_DIR, "pyproject.toml").read_text(encoding="utf-8"))
VERSION: Final[str] = PROJECT["project"]["version"]
RELEASES: Final = sorted(path.name for path in GOLDEN.glob("*"))
BY_NAME: Final = {stored.name: stored for stored in FORMATS}

each_format = pytest.mark.parametrize("stored", FORMATS, ids=lambda stored: stored.name)
some = examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
any_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def describe(value: Any) -> Any:
    """Return a decoded value as JSON has it: classes as objects, sets as sorted lists."""

    def to_jsonable(value: Any) -> Any:
        if isinstance(value, tuple):
            return value._asdict() if hasattr(value, "_asdict") else list(value)
        if isinstance(value, frozenset):
            return sorted(value)
        return dict(value) if isinstance(value, Mapping) else value.hex()

    return orjson.loads(orjson.dumps(value, default=to_jsonable))


def has_all(found: Any, expected: Any) -> bool:
    """Return whether a value has all that is expected. It may have further fields, which a newer version added."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and has_all(found[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(has_all(*pair) for pair in zip(found, expected, strict=True))
        )
    return bool(found == expected)


def is_empty_or_same_type(stored: StoredFormat, value: Any) -> bool:
    """Return whether a reader returned None, an empty value, or the type it returns for the golden file."""
    return not value or type(value) is type(stored.read(get_golden(stored)))


def get_golden(stored: StoredFormat, release: str = VERSION) -> bytes:
    return (GOLDEN / release / stored.name).read_bytes()


def get_expected(stored: StoredFormat, release: str = VERSION) -> Any:
    return orjson.loads((GOLDEN / release / f"{stored.name}.json").read_bytes())


def split_prefix(raw: bytes) -> tuple[bytes, Any]:
    """Return what precedes the JSON of a value, such as a version, and the parsed JSON."""
    start = min(index for index in (raw.find(b"{"), raw.find(b"[")) if index >= 0)
    return raw[:start], orjson.loads(raw[start:])


def add_surplus(stored: StoredFormat, raw: bytes, surplus: Any) -> bytes:
    """Return a value as a newer version may write it."""
    if stored.surplus == "word":
        return raw + b" surplus"
    prefix, body = split_prefix(raw)
    if stored.surplus == "item":
        return prefix + orjson.dumps([*body, surplus])
    objects = [body, *(body[name] for name in ("kwargs",) if name in body)]
    if stored.name == "trace":
        objects += [body["inputs"], *body["inputs"]["pools"], *body["facts"]]
    for each in objects:
        each["a_field_of_a_newer_version"] = surplus
    return prefix + orjson.dumps(body)


@pytest.mark.django_db
@each_format
def test_this_version_has_a_golden_file_of_each_format(stored: StoredFormat) -> None:
    path = GOLDEN / VERSION / stored.name
    if os.environ.get("FINISHD_WRITE_GOLDEN") and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = stored.write()
        path.write_bytes(raw)
        expected = describe(stored.read(raw))
        path.with_name(f"{stored.name}.json").write_bytes(orjson.dumps(expected, option=orjson.OPT_INDENT_2))
    assert path.exists(), "see Generated files in CONTRIBUTING.md"
    assert get_expected(stored)


@pytest.mark.parametrize(
    ("release", "name"),
    [
        (release, path.name)
        for release in RELEASES
        for path in sorted((GOLDEN / release).iterdir())
        if path.suffix != ".json"
    ],
)
def test_a_value_of_every_release_is_read(release: str, name: str) -> None:
    stored = BY_NAME[name]
    assert has_all(describe(stored.read(get_golden(stored, release))), get_expected(stored, release))


@pytest.mark.django_db
@each_format
def test_this_version_reads_what_it_writes(stored: StoredFormat) -> None:
    assert has_all(describe(stored.read(stored.write())), get_expected(stored))


@pytest.mark.parametrize(
    "stored", [each for each in FORMATS if each.surplus != "none"], ids=lambda stored: stored.name
)
@some
@given(surplus=any_json)
def test_what_a_newer_version_added_is_ignored(stored: StoredFormat, surplus: Any) -> None:
    raw = add_surplus(stored, get_golden(stored), surplus)
    assert has_all(describe(stored.read(raw)), get_expected(stored))


@each_format
@some
@given(data=st.data())
def test_truncated_bytes_raise_nothing(stored: StoredFormat, data: st.DataObject) -> None:
    raw = get_golden(stored)
    assert is_empty_or_same_type(stored, stored.read(raw[: data.draw(st.integers(0, len(raw) - 1))]))


@each_format
@some
@given(raw=st.binary(max_size=200) | any_json.map(orjson.dumps))
def test_arbitrary_bytes_raise_nothing(stored: StoredFormat, raw: bytes) -> None:
    assert is_empty_or_same_type(stored, stored.read(raw))
    prefix = get_golden(stored).partition(b"{")[0]
    assert is_empty_or_same_type(stored, stored.read(prefix + raw))


@each_format
@some
@given(data=st.data())
def test_a_field_of_another_type_raises_nothing(stored: StoredFormat, data: st.DataObject) -> None:
    raw = get_golden(stored)
    if b"{" not in raw and b"[" not in raw:
        return
    prefix, body = split_prefix(raw)
    parent, places = body, []
    while isinstance(parent, dict | list) and parent:
        places.append(parent)
        keys = sorted(parent) if isinstance(parent, dict) else range(len(parent))
        key: Any = data.draw(st.sampled_from(list(keys)))
        if not data.draw(st.booleans()):
            parent[key] = data.draw(any_json)
            break
        parent = parent[key]
    assert is_empty_or_same_type(stored, stored.read(prefix + orjson.dumps(body)))
