"""What an import does to the catalogue, twice, in dry runs, beside staff, and without Redis."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from content.importing import runs, writing
from content.models import Genre, Item
from content.services import cards, items, titles
from content.tests.factories import ItemFactory
from content.tests.importing import GOOD, master_item, run, write_csv, write_json
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db
OnCommit = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.jsonl"


def told(*paths: Path, **options: Any) -> str:
    out = StringIO()
    call_command("import_catalog", *map(str, paths), stdout=out, verbosity=0, **options)
    return out.getvalue()


def state() -> list[tuple[Any, ...]]:
    fields = ("id", "title", "status", "version", "updated_at", "published_at", "staff_boost", "hidden")
    return list(Item.objects.order_by("id").values_list(*fields))


def test_importing_again_changes_nothing_and_raises_no_version(tmp_path: Path, report: Path) -> None:
    path = write_json(tmp_path / "a.json", [master_item(f"i{n}", tmdbId=n + 1) for n in range(5)])
    assert "created 5, updated 0, unchanged 0, rejected 0" in told(path, report=report, publish=True)
    before = state()
    again = told(path, report=report, publish=True)
    assert again == "created 0, updated 0, unchanged 5, rejected 0\n"
    assert state() == before
    assert {row[3] for row in before} == {1}


def test_only_rows_that_differ_are_written(tmp_path: Path, report: Path) -> None:
    rows = [master_item("a"), master_item("b"), master_item("c")]
    path = write_json(tmp_path / "a.json", rows)
    run(path, report=report, publish=True)
    rows[1] |= {"title": "Another title"}
    rows[2] |= {"genres": ["Sci-Fi", "Action"]}
    write_json(path, rows)
    assert "created 0, updated 2, unchanged 1, rejected 0" in told(path, report=report)
    assert [(row[0], row[3]) for row in state()] == [("a", 1), ("b", 2), ("c", 2)]
    assert Item.objects.get(id="b").title == "Another title"
    links = Item.objects.get(id="c").item_genres.values_list("position", "genre__slug")
    assert list(links) == [(0, "science-fiction"), (1, "action")]


def test_what_a_row_does_not_state_stays(tmp_path: Path, report: Path) -> None:
    run(write_json(tmp_path / "a.json", [master_item("a")]), report=report)
    run(write_json(tmp_path / "a.json", [{"id": "a", "title": "New", "contentType": "clip"}]), report=report)
    item = Item.objects.get()
    assert (item.title, item.content_type, item.popularity, item.title_key) == (
        "New",
        "clip",
        85.5,
        "movie:603",
    )
    assert item.item_genres.count() == 2
    run(
        write_json(tmp_path / "a.json", [master_item("a", overview=None, genres=[], tmdbId=None)]),
        report=report,
    )
    item.refresh_from_db()
    assert (item.overview, item.item_genres.count(), item.title_key) == (None, 0, "item:a")


def test_without_publish_new_items_are_drafts_and_nothing_is_unpublished(
    tmp_path: Path, report: Path
) -> None:
    ItemFactory.create(id="shown")
    path = write_json(tmp_path / "a.json", [master_item("shown"), master_item("new")])
    run(path, report=report)
    assert dict(Item.objects.values_list("id", "status")) == {"shown": "published", "new": "draft"}


def test_publish_publishes_new_items_and_drafts_but_never_what_staff_archived(
    tmp_path: Path, report: Path
) -> None:
    ItemFactory.create(id="draft", status="draft")
    ItemFactory.create(id="gone", status="archived")
    path = write_json(tmp_path / "a.json", [master_item("draft"), master_item("gone"), master_item("new")])
    run(path, report=report, publish=True)
    assert dict(Item.objects.values_list("id", "status")) == {
        "draft": "published", "gone": "archived", "new": "published",
    }  # fmt: skip
    assert not Item.objects.filter(status="published", published_at=None).exists()


def test_a_draft_of_the_same_text_is_published_as_an_update(tmp_path: Path, report: Path) -> None:
    path = write_json(tmp_path / "a.json", [master_item("a")])
    run(path, report=report)
    assert "updated 1" in told(path, report=report, publish=True)
    assert Item.objects.get().version == 2


def test_the_first_publishing_keeps_its_date(tmp_path: Path, report: Path) -> None:
    item = ItemFactory.create(id="a")
    items.set_status(["a"], Item.Status.DRAFT, now=NOW)
    run(write_json(tmp_path / "a.json", [master_item("a")]), report=report, publish=True)
    assert Item.objects.get().published_at == item.published_at


def test_what_staff_set_is_not_touched(tmp_path: Path, report: Path) -> None:
    ItemFactory.create(id="a", staff_boost=7, hidden=True)
    row = master_item("a", staffBoost=0, staff_boost=0, hidden=False, status="archived", likeCount=5)
    run(write_json(tmp_path / "a.json", [row]), report=report)
    item = Item.objects.get()
    assert (item.staff_boost, item.hidden, item.status, item.like_count) == (7, True, "published", None)


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path, report: Path) -> None:
    run(write_json(tmp_path / "old.json", [master_item("same"), master_item("other")]), report=report)
    rows = [master_item("same"), master_item("other", genres=["Giallo"]), master_item("new"), {"id": "bad"}]
    path = write_json(tmp_path / "a.json", rows)
    before, genres = state(), Genre.objects.count()
    dry = told(path, report=report, dry_run=True)
    assert dry.startswith("dry run, nothing written: created 1, updated 1, unchanged 1, rejected 1\n")
    assert "Giallo" in dry
    assert (state(), Genre.objects.count()) == (before, genres)
    wet = told(path, report=report)
    assert wet.startswith("created 1, updated 1, unchanged 1, rejected 1\n")


def test_of_two_rows_of_one_id_the_first_goes_in_whatever_the_file(tmp_path: Path, report: Path) -> None:
    one = write_json(tmp_path / "one.json", [GOOD, {"id": "again"}, GOOD | {"title": "Not Heat"}])
    two = write_json(tmp_path / "two.json", [GOOD | {"title": "Nor this"}, master_item("again")])
    rejected = run(one, two, report=report)
    assert [(Path(line["file"]).name, line["row"], line["id"]) for line in rejected] == [
        ("one.json", 2, "again"), ("one.json", 3, "good"), ("two.json", 1, "good"),
    ]  # fmt: skip
    assert rejected[2]["reason"] == "second row of id good; the first is row 1 of one.json"
    assert set(Item.objects.values_list("id", "title")) == {("good", "Heat"), ("again", "The film again")}


def test_a_file_named_twice_is_read_once(tmp_path: Path, report: Path) -> None:
    path = write_json(tmp_path / "a.json", [GOOD])
    assert run(path, tmp_path / "." / "a.json", report=report) == []


def test_unknown_genres_are_made_once_and_named_for_staff(tmp_path: Path, report: Path) -> None:
    rows = [master_item("a", genres=["Giallo", "giallo", "SCIFI"]), master_item("b", genres=["GIALLO", 878])]
    out = told(write_json(tmp_path / "a.json", rows), report=report)
    assert "for staff to look at: Giallo\n" in out
    assert list(Genre.objects.filter(reviewed=False).values_list("slug", "name")) == [("giallo", "Giallo")]
    slugs = Item.objects.get(id="a").item_genres.values_list("genre__slug", flat=True)
    assert list(slugs) == ["giallo", "science-fiction"]


def test_batches_follow_each_other(tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH", 10)
    rows = [[n, f"Film {n}", "", "", "1.5", "", "", ""] for n in range(1, 26)]
    rejected = run(write_csv(tmp_path / "a.csv", [*rows, rows[0]]), report=report)
    assert [line["row"] for line in rejected] == [26]
    assert Item.objects.count() == 25


def test_a_batch_that_fails_leaves_the_earlier_ones_and_one_line(
    tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BATCH", 2)
    path = write_json(tmp_path / "a.json", [master_item(f"i{n}") for n in range(5)])
    done: list[str] = []

    def failing(rows: Any, **options: Any) -> Any:
        if len(done) == 2:
            raise DatabaseError("disk is full")
        done.append(rows[0].id)
        return whole(rows, **options)

    whole = writing.write
    monkeypatch.setattr(writing, "write", failing)
    with pytest.raises(CommandError, match="the database refused: disk is full"):
        run(path, report=report)
    assert Item.objects.count() == 4
    monkeypatch.setattr(writing, "write", whole)
    assert "created 1, updated 0, unchanged 4" in told(path, report=report)


def test_an_item_that_somebody_makes_meanwhile_is_updated(
    tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def late(ids: list[str]) -> Any:
        found = look(ids)
        if not looked:
            ItemFactory.create(id="a", genres=[])
        looked.append(len(ids))
        return found

    look = writing._there
    monkeypatch.setattr(writing, "_there", late)
    run(write_json(tmp_path / "a.json", [master_item("a"), master_item("b")]), report=report)
    assert len(looked) == 2
    assert set(Item.objects.values_list("title", flat=True)) == {"The film a", "The film b"}


def test_cards_follow_the_commit_and_titles_are_forgotten(
    tmp_path: Path, report: Path, django_capture_on_commit_callbacks: OnCommit
) -> None:
    assert titles.get_items(["movie:603"]) == {"movie:603": []}
    path = write_json(tmp_path / "a.json", [master_item("a")])
    with django_capture_on_commit_callbacks(execute=True):
        run(path, report=report, publish=True)
    (card,) = cards.get_cards(["a"])
    assert card is not None
    assert b'"genres":["Action","Science Fiction"]' in card
    assert titles.get_items(["movie:603"]) == {"movie:603": ["a"]}
    write_json(path, [master_item("a", title="Renamed", tmdbId=604)])
    with django_capture_on_commit_callbacks(execute=True):
        run(path, report=report)
    assert b'"title":"Renamed"' in (cards.get_cards(["a"])[0] or b"")
    assert titles.get_items(["movie:603", "movie:604"]) == {"movie:603": [], "movie:604": ["a"]}


def test_new_drafts_need_no_card(
    tmp_path: Path, report: Path, django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        run(write_json(tmp_path / "a.json", [master_item("a")]), report=report)
    assert callbacks == []
    assert cards.get_cards(["a"]) == [None]
    assert cards.write_stale_cards() == 0


def test_without_redis_the_import_goes_through_and_the_sweep_follows(
    tmp_path: Path,
    report: Path,
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: OnCommit,
) -> None:
    path = write_json(tmp_path / "a.json", [master_item("a")])
    redis_server.stop()
    with caplog.at_level(logging.WARNING), django_capture_on_commit_callbacks(execute=True):
        out = told(path, report=report, publish=True)
    assert "cards that wait for Redis: 1" in out
    assert "created 1" in out
    redis_server.start()
    assert cards.write_stale_cards() == 1
    assert cards.get_cards(["a"]) != [None]


def test_the_report_has_a_place_of_its_own_and_is_kept_only_when_needed(tmp_path: Path) -> None:
    folder = Path(settings.FINISHD_DATA) / "imports"
    path = write_json(tmp_path / "a.json", [GOOD])
    told(path)
    assert list(folder.iterdir()) == []
    write_json(path, [GOOD, {"id": "bad", "genres": []}])
    out = told(path)
    (kept,) = folder.iterdir()
    assert str(kept) in out
    kept.unlink()


def test_a_report_that_cannot_be_written_stops_the_import_before_it_starts(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [GOOD])
    with pytest.raises(CommandError, match="no report can be written"):
        run(path, report=path / "report.jsonl")
    assert not Item.objects.exists()


def test_a_film_of_a_year_counts_as_of_its_middle_and_its_card_claims_no_date(
    tmp_path: Path, report: Path, django_capture_on_commit_callbacks: OnCommit
) -> None:
    film = {"title": "Dogtooth", "year": 2009, "genres": ["Drama"], "href": "Dogtooth_(film)"}
    with django_capture_on_commit_callbacks(execute=True):
        run(write_json(tmp_path / "a.json", [film]), report=report, publish=True, format="wikipedia")
    item = Item.objects.get()
    assert (item.release_date, item.release_year) == (None, 2009)
    assert b'"releaseDate":null' in (cards.get_cards([item.id])[0] or b"")
    released = cards.get_facts([item.id])[item.id].released_day
    assert released == (datetime(2009, 7, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


def test_every_card_is_rebuilt_by_command(redis_server: RedisServer) -> None:
    ItemFactory.create_batch(3)
    redis_server.flush()
    out = StringIO()
    call_command("rebuild_cards", stdout=out, verbosity=0)
    assert out.getvalue() == "3 cards written\n"
    assert not Item.objects.filter(card_version=0).exists()


def test_rebuilding_cards_without_redis_says_so(redis_server: RedisServer) -> None:
    ItemFactory.create()
    redis_server.stop()
    with pytest.raises(CommandError, match="Redis does not answer; 0 cards are written"):
        call_command("rebuild_cards", verbosity=0)
