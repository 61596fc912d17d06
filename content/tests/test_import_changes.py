"""Changes that an import makes to stored items, and those that it must not make."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from content.importing.formats.base import COLUMN_CHECKS
from content.importing.writing import IMPORTED_COLUMNS
from content.models import Genre, Item
from content.services import cards, items
from content.tests.factories import ItemFactory
from content.tests.imports import (
    VALID_ROW,
    CaptureOnCommit,
    get_output,
    import_files,
    master_item,
    write_json,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def get_rows() -> list[tuple[Any, ...]]:
    fields = ("id", "title", "status", "version", "updated_at", "published_at", "staff_boost", "hidden")
    return list(Item.objects.order_by("id").values_list(*fields))


def test_every_column_that_formats_set_is_updated() -> None:
    assert {"title", *COLUMN_CHECKS} <= set(IMPORTED_COLUMNS)


def test_a_second_import_changes_nothing_and_raises_no_version(tmp_path: Path, report: Path) -> None:
    path = write_json(tmp_path / "a.json", [master_item(f"i{n}", tmdbId=n + 1) for n in range(5)])
    output = get_output(path, report=report, publish=True)
    assert "created 5, updated 0, unchanged 0, rejected 0" in output
    before = get_rows()
    output = get_output(path, report=report, publish=True)
    assert output == "created 0, updated 0, unchanged 5, rejected 0\n"
    assert get_rows() == before
    assert {row[3] for row in before} == {1}


def test_only_rows_that_differ_are_written(tmp_path: Path, report: Path) -> None:
    rows = [master_item("a"), master_item("b"), master_item("c")]
    path = write_json(tmp_path / "a.json", rows)
    import_files(path, report=report, publish=True)
    rows[1] |= {"title": "Another title"}
    rows[2] |= {"genres": ["Sci-Fi", "Action"]}
    write_json(path, rows)
    assert "created 0, updated 2, unchanged 1, rejected 0" in get_output(path, report=report)
    assert [(row[0], row[3]) for row in get_rows()] == [("a", 1), ("b", 2), ("c", 2)]
    assert Item.objects.get(id="b").title == "Another title"
    links = Item.objects.get(id="c").item_genres.values_list("position", "genre__slug")
    assert list(links) == [(0, "science-fiction"), (1, "action")]


def test_columns_that_a_row_does_not_have_keep_their_values(tmp_path: Path, report: Path) -> None:
    path = tmp_path / "a.json"
    import_files(write_json(path, [master_item("a")]), report=report)
    import_files(write_json(path, [{"id": "a", "title": "New", "contentType": "clip"}]), report=report)
    item = Item.objects.get()
    assert (item.title, item.content_type, item.popularity) == ("New", "clip", 85.5)
    assert item.title_key == "movie:603"
    assert item.item_genres.count() == 2


def test_null_and_empty_values_replace_stored_ones(tmp_path: Path, report: Path) -> None:
    path = tmp_path / "a.json"
    import_files(write_json(path, [master_item("a")]), report=report)
    import_files(write_json(path, [master_item("a", overview=None, genres=[], tmdbId=None)]), report=report)
    item = Item.objects.get()
    assert (item.overview, item.item_genres.count(), item.title_key) == (None, 0, "item:a")


def test_without_publish_new_items_are_drafts_and_nothing_is_unpublished(
    tmp_path: Path, report: Path
) -> None:
    ItemFactory.create(id="published")
    path = write_json(tmp_path / "a.json", [master_item("published"), master_item("new")])
    import_files(path, report=report)
    assert dict(Item.objects.values_list("id", "status")) == {"published": "published", "new": "draft"}


def test_publish_publishes_new_items_and_drafts_but_not_archived_items(tmp_path: Path, report: Path) -> None:
    ItemFactory.create(id="draft", status="draft")
    ItemFactory.create(id="archived", status="archived")
    rows = [master_item(item_id) for item_id in ("draft", "archived", "new")]
    import_files(write_json(tmp_path / "a.json", rows), report=report, publish=True)
    assert dict(Item.objects.values_list("id", "status")) == {
        "draft": "published", "archived": "archived", "new": "published",
    }  # fmt: skip
    assert not Item.objects.filter(status="published", published_at=None).exists()


def test_publishing_an_unchanged_draft_is_an_update(tmp_path: Path, report: Path) -> None:
    path = write_json(tmp_path / "a.json", [master_item("a")])
    import_files(path, report=report)
    assert "updated 1" in get_output(path, report=report, publish=True)
    assert Item.objects.get().version == 2


def test_the_date_of_the_first_publication_stays(tmp_path: Path, report: Path) -> None:
    item = ItemFactory.create(id="a")
    items.set_status(["a"], Item.Status.DRAFT, now=NOW)
    import_files(write_json(tmp_path / "a.json", [master_item("a")]), report=report, publish=True)
    assert Item.objects.get().published_at == item.published_at


def test_columns_that_staff_set_do_not_change(tmp_path: Path, report: Path) -> None:
    ItemFactory.create(id="a", staff_boost=7, hidden=True)
    row = master_item("a", staffBoost=0, staff_boost=0, hidden=False, status="archived", likeCount=5)
    import_files(write_json(tmp_path / "a.json", [row]), report=report)
    item = Item.objects.get()
    assert (item.staff_boost, item.hidden, item.status, item.like_count) == (7, True, "published", None)


def test_a_dry_run_prints_the_same_numbers_and_writes_nothing(tmp_path: Path, report: Path) -> None:
    path = tmp_path / "a.json"
    import_files(write_json(path, [master_item("same"), master_item("other")]), report=report)
    rows = [master_item("same"), master_item("other", genres=["Giallo"]), master_item("new"), {"id": "bad"}]
    write_json(path, rows)
    before, genres = get_rows(), Genre.objects.count()
    dry = get_output(path, report=report, dry_run=True)
    assert dry.startswith("dry run, nothing imported: created 1, updated 1, unchanged 1, rejected 1\n")
    assert "Giallo" in dry
    assert (get_rows(), Genre.objects.count()) == (before, genres)
    output = get_output(path, report=report)
    assert output.startswith("created 1, updated 1, unchanged 1, rejected 1\n")


def test_only_the_first_of_several_rows_with_the_same_id_is_imported(tmp_path: Path, report: Path) -> None:
    one = write_json(tmp_path / "one.json", [VALID_ROW, {"id": "again"}, VALID_ROW | {"title": "Second"}])
    two = write_json(tmp_path / "two.json", [VALID_ROW | {"title": "Third"}, master_item("again")])
    rejected = import_files(one, two, report=report)
    assert [(Path(line["file"]).name, line["row"], line["id"]) for line in rejected] == [
        ("one.json", 2, "again"), ("one.json", 3, "valid"), ("two.json", 1, "valid"),
    ]  # fmt: skip
    assert rejected[2]["reason"] == "duplicate id valid: row 1 of one.json comes first"
    assert set(Item.objects.values_list("id", "title")) == {("valid", "Heat"), ("again", "The film again")}


def test_unknown_genres_are_created_once_and_printed(tmp_path: Path, report: Path) -> None:
    rows = [master_item("a", genres=["Giallo", "giallo", "SCIFI"]), master_item("b", genres=["GIALLO", 878])]
    output = get_output(write_json(tmp_path / "a.json", rows), report=report)
    assert "new genres, for staff to review: Giallo\n" in output
    assert list(Genre.objects.filter(reviewed=False).values_list("slug", "name")) == [("giallo", "Giallo")]
    slugs = Item.objects.get(id="a").item_genres.values_list("genre__slug", flat=True)
    assert list(slugs) == ["giallo", "science-fiction"]


def test_a_film_with_only_a_year_counts_as_released_on_1_july_and_its_card_has_no_date(
    tmp_path: Path, report: Path, django_capture_on_commit_callbacks: CaptureOnCommit
) -> None:
    film = {"title": "Dogtooth", "year": 2009, "genres": ["Drama"], "href": "Dogtooth_(film)"}
    path = write_json(tmp_path / "a.json", [film])
    with django_capture_on_commit_callbacks(execute=True):
        import_files(path, report=report, publish=True, format="wikipedia")
    item = Item.objects.get()
    assert (item.release_date, item.release_year) == (None, 2009)
    assert b'"releaseDate":null' in (cards.get_cards([item.id])[0] or b"")
    released_day = cards.get_facts([item.id])[item.id].released_day
    assert released_day == (datetime(2009, 7, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
