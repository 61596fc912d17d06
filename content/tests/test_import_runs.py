"""Import runs: batches, failures, concurrent changes, cards and the report."""

import logging
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from content.importing import runs, writing
from content.models import Item
from content.services import cards, titles
from content.tests.factories import ItemFactory
from content.tests.imports import (
    VALID_ROW,
    CaptureOnCommit,
    get_output,
    import_files,
    master_item,
    write_csv,
    write_json,
)
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db


class TestBatches:
    def test_all_batches_are_imported(
        self, tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runs, "BATCH_SIZE", 10)
        rows = [[n, f"Film {n}", "", "", "1.5", "", "", ""] for n in range(1, 26)]
        rejected = import_files(write_csv(tmp_path / "a.csv", [*rows, rows[0]]), report=report)
        assert [line["row"] for line in rejected] == [26]
        assert Item.objects.count() == 25

    def test_earlier_batches_stay_when_a_batch_fails(
        self, tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runs, "BATCH_SIZE", 2)
        path = write_json(tmp_path / "a.json", [master_item(f"i{n}") for n in range(5)])
        first_ids: list[str] = []
        write = writing.write

        def fail_on_third_batch(rows: Any, **options: Any) -> Any:
            if len(first_ids) == 2:
                raise DatabaseError("disk is full")
            first_ids.append(rows[0].id)
            return write(rows, **options)

        monkeypatch.setattr(writing, "write", fail_on_third_batch)
        with pytest.raises(CommandError, match="database error: disk is full"):
            import_files(path, report=report)
        assert Item.objects.count() == 4
        monkeypatch.setattr(writing, "write", write)
        assert "created 1, updated 0, unchanged 4" in get_output(path, report=report)

    def test_closed_output_is_not_reported_as_a_broken_report(self, tmp_path: Path, report: Path) -> None:
        class ClosedPipe(StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        path = write_json(tmp_path / "a.json", [VALID_ROW])
        with pytest.raises(BrokenPipeError):
            call_command("import_catalog", str(path), report=report, verbosity=0, stdout=ClosedPipe())
        assert Item.objects.get().title == "Heat"

    def test_an_item_that_another_process_creates_after_the_comparison_is_updated(
        self, tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        comparisons: list[int] = []
        load_existing = writing._load_existing

        def load_then_create(ids: list[str]) -> Any:
            existing = load_existing(ids)
            if not comparisons:
                ItemFactory.create(id="a", genres=[])
            comparisons.append(len(ids))
            return existing

        monkeypatch.setattr(writing, "_load_existing", load_then_create)
        path = write_json(tmp_path / "a.json", [master_item("a"), master_item("b")])
        import_files(path, report=report)
        assert len(comparisons) == 2
        assert set(Item.objects.values_list("title", flat=True)) == {"The film a", "The film b"}

    def test_a_file_that_is_given_twice_is_imported_once(self, tmp_path: Path, report: Path) -> None:
        path = write_json(tmp_path / "a.json", [VALID_ROW])
        assert import_files(path, tmp_path / "." / "a.json", report=report) == []


class TestCards:
    def test_cards_are_written_and_title_lists_invalidated_after_the_commit(
        self, tmp_path: Path, report: Path, django_capture_on_commit_callbacks: CaptureOnCommit
    ) -> None:
        assert titles.get_items(["movie:603"]) == {"movie:603": []}
        path = write_json(tmp_path / "a.json", [master_item("a")])
        with django_capture_on_commit_callbacks(execute=True):
            import_files(path, report=report, publish=True)
        (card,) = cards.get_cards(["a"])
        assert card is not None
        assert b'"genres":["Action","Science Fiction"]' in card
        assert titles.get_items(["movie:603"]) == {"movie:603": ["a"]}
        write_json(path, [master_item("a", title="Renamed", tmdbId=604)])
        with django_capture_on_commit_callbacks(execute=True):
            import_files(path, report=report)
        assert b'"title":"Renamed"' in (cards.get_cards(["a"])[0] or b"")
        assert titles.get_items(["movie:603", "movie:604"]) == {"movie:603": [], "movie:604": ["a"]}

    def test_new_drafts_need_no_card(
        self, tmp_path: Path, report: Path, django_capture_on_commit_callbacks: CaptureOnCommit
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks:
            import_files(write_json(tmp_path / "a.json", [master_item("a")]), report=report)
        assert callbacks == []
        assert cards.get_cards(["a"]) == [None]
        assert cards.write_stale_cards() == 0

    def test_without_redis_items_are_imported_and_the_sweep_writes_their_cards(
        self,
        tmp_path: Path,
        report: Path,
        redis_server: RedisServer,
        caplog: pytest.LogCaptureFixture,
        django_capture_on_commit_callbacks: CaptureOnCommit,
    ) -> None:
        path = write_json(tmp_path / "a.json", [master_item("a")])
        redis_server.stop()
        with caplog.at_level(logging.WARNING), django_capture_on_commit_callbacks(execute=True):
            output = get_output(path, report=report, publish=True)
        assert "stale cards: 1" in output
        assert "created 1" in output
        redis_server.start()
        assert cards.write_stale_cards() == 1
        assert cards.get_cards(["a"]) != [None]


class TestReport:
    def test_the_default_report_is_a_new_file_that_is_removed_if_it_is_empty(self, tmp_path: Path) -> None:
        folder = Path(settings.FINISHD_DATA) / "imports"
        path = write_json(tmp_path / "a.json", [VALID_ROW])
        get_output(path)
        assert list(folder.iterdir()) == []
        write_json(path, [VALID_ROW, {"id": "bad", "genres": []}])
        output = get_output(path)
        (report,) = folder.iterdir()
        assert str(report) in output
        report.unlink()

    def test_a_report_that_cannot_be_written_stops_the_import_before_it_starts(self, tmp_path: Path) -> None:
        path = write_json(tmp_path / "a.json", [VALID_ROW])
        with pytest.raises(CommandError, match="cannot write the report"):
            import_files(path, report=path / "report.jsonl")
        assert not Item.objects.exists()
