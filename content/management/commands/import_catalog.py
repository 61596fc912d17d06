"""`manage.py import_catalog`: items from files of staff, of TMDB exports, of Wikipedia's lists."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone
from tqdm import tqdm

from content.importing import runs, sources
from content.importing.errors import UnusableFile
from content.importing.report import Report
from content.importing.runs import Summary
from content.importing.sources import WANTED, Source
from content.models import Item


class Command(BaseCommand):
    help = (
        "Import items from JSON (a list, an object keyed by id, or JSON lines) or a TMDB export in CSV. "
        "Rows that cannot go in are written to a report; the rest goes in. Running it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument(
            "--format", choices=WANTED, default="auto", help="default: what the file looks like"
        )
        parser.add_argument("--dry-run", action="store_true", help="count and report, write nothing")
        parser.add_argument(
            "--publish",
            action="store_true",
            help="publish new items and drafts; otherwise new ones are drafts",
        )
        parser.add_argument(
            "--report",
            type=Path,
            metavar="FILE",
            help="where rejected rows go, as JSON lines (default: a new file in FINISHD_DATA/imports)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            # All files before the first write: a wrong one among them changes nothing.
            found = [sources.check(path, options["format"]) for path in _once(options["paths"])]
            with _report(options["report"], now) as report:
                summary = self._run(found, report, now=now, options=options)
        except UnusableFile as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"no report can be written: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"the database refused: {error}. What is in stays; run it again.") from error
        self._tell(summary, report, dry_run=options["dry_run"])
        if options["verbosity"] and not options["dry_run"] and (summary.created or summary.updated):
            self.stdout.write("feeds show it after the next index rebuild: manage.py rebuild_indexes")

    def _run(self, found: list[Source], report: Report, *, now: datetime, options: dict[str, Any]) -> Summary:
        total = sum(source.count for source in found)
        # disable=None: a bar on a terminal, nothing in a log.
        with tqdm(total=total, unit=" rows", disable=None if options["verbosity"] else True) as bar:
            return runs.run(
                found,
                report=report,
                publish=options["publish"],
                dry_run=options["dry_run"],
                now=now,
                advance=bar.update,
            )

    def _tell(self, summary: Summary, report: Report, *, dry_run: bool) -> None:
        counts = f"created {summary.created}, updated {summary.updated}, unchanged {summary.unchanged}"
        prefix = "dry run, nothing written: " if dry_run else ""
        self.stdout.write(f"{prefix}{counts}, rejected {summary.rejected}")
        if summary.rejected:
            self.stdout.write(f"rejected rows, with reasons: {report.path}")
        if summary.new_genres:
            self.stdout.write(
                f"genres new to us, for staff to look at: {', '.join(sorted(summary.new_genres))}"
            )
        if dry_run or not (summary.created or summary.updated):
            return
        waiting = Item.objects.filter(card_version__lt=F("version")).count()
        if waiting:
            self.stdout.write(f"cards that wait for Redis: {waiting}; the sweep writes them when it is back")


def _once(paths: list[Path]) -> list[Path]:
    """The same file named twice is one."""
    return list({path.resolve(): path for path in reversed(paths)}.values())[::-1]


def _report(path: Path | None, now: datetime) -> Report:
    if path is not None:
        return Report(path, keep_empty=True)
    name = f"rejected-{now:%Y%m%dT%H%M%S.%fZ}.jsonl"
    return Report(Path(settings.FINISHD_DATA) / "imports" / name, keep_empty=False)
