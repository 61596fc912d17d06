"""`manage.py import_catalog`: import items from files. The work is done in `content.importing`."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone
from tqdm import tqdm

from content.importing.errors import UnusableFile
from content.importing.files import AUTO, REQUESTED_FORMATS, ImportFile, inspect_file
from content.importing.report import Report
from content.importing.runs import Summary, run_import
from content.services import cards


class Command(BaseCommand):
    help = (
        "Import items from JSON (a list, an object keyed by id, or JSON lines) or from a TMDB export in CSV. "
        "Rows that cannot be imported are written to a report. Running the command again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument(
            "--format", choices=REQUESTED_FORMATS, default=AUTO, help="default: detected from the file"
        )
        parser.add_argument("--dry-run", action="store_true", help="count and report, but write nothing")
        parser.add_argument(
            "--publish",
            action="store_true",
            help="publish new items and drafts (default: new items are drafts)",
        )
        parser.add_argument(
            "--report",
            type=Path,
            metavar="FILE",
            help="file for the rejected rows, as JSON lines (default: a new file in FINISHD_DATA/imports)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            # All files are inspected before the first write, so that one unusable file changes nothing.
            files = [inspect_file(path, options["format"]) for path in _unique(options["paths"])]
            with _make_report(options["report"], now) as report:
                summary = self._import(files, report, now=now, options=options)
        except UnusableFile as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:
            raise  # of the terminal, not of the report: manage.py ends quietly
        except OSError as error:
            raise CommandError(f"cannot write the report: {error}") from error
        except DatabaseError as error:
            raise CommandError(
                f"database error: {error}. Complete batches are stored; run the command again to continue."
            ) from error
        self._print_summary(summary, report, dry_run=options["dry_run"])
        if options["verbosity"] and not options["dry_run"] and (summary.created or summary.updated):
            self.stdout.write("Feeds change after the next index rebuild: manage.py rebuild_indexes")

    def _import(
        self, files: list[ImportFile], report: Report, *, now: datetime, options: dict[str, Any]
    ) -> Summary:
        total = sum(file.count for file in files)
        # disable=None shows the bar on a terminal only.
        with tqdm(total=total, unit=" rows", disable=None if options["verbosity"] else True) as bar:
            return run_import(
                files,
                report=report,
                publish=options["publish"],
                dry_run=options["dry_run"],
                now=now,
                on_progress=bar.update,
            )

    def _print_summary(self, summary: Summary, report: Report, *, dry_run: bool) -> None:
        counts = f"created {summary.created}, updated {summary.updated}, unchanged {summary.unchanged}"
        prefix = "dry run, nothing imported: " if dry_run else ""
        self.stdout.write(f"{prefix}{counts}, rejected {summary.rejected}")
        if summary.rejected:
            self.stdout.write(f"rejected rows, with reasons: {report.path}")
        if summary.new_genres:
            self.stdout.write(f"new genres, for staff to review: {', '.join(sorted(summary.new_genres))}")
        if summary.unknown_genre_ids:
            ids = ", ".join(map(str, summary.unknown_genre_ids))
            self.stdout.write(f"unknown TMDB genre ids, left out: {ids}")
        if dry_run or not (summary.created or summary.updated):
            return
        if stale := cards.count_stale_cards():
            self.stdout.write(f"stale cards: {stale}; the sweep writes them when Redis is available")


def _unique(paths: list[Path]) -> list[Path]:
    """Remove paths of the same file."""
    return list({path.resolve(): path for path in reversed(paths)}.values())[::-1]


def _make_report(path: Path | None, now: datetime) -> Report:
    if path is not None:
        return Report(path, keep_empty=True)
    name = f"rejected-{now:%Y%m%dT%H%M%S.%fZ}.jsonl"
    return Report(Path(settings.FINISHD_DATA) / "imports" / name, keep_empty=False)
