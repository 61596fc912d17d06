"""One import: all rows of all files, in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from content.importing import writing
from content.importing.errors import RejectedRow
from content.importing.files import FileRow, ImportFile
from content.importing.formats import Row
from content.importing.remakes import FilmYears
from content.importing.report import Report
from content.services.genres import GenreResolver

BATCH_SIZE: Final = 1000  # rows: a few MB, and a few tenths of a second in one transaction
_MAX_ROWS: Final = 10**12  # more than a file can have


@dataclass(slots=True)
class Summary:
    """The result of an import: numbers of rows, the genres that it created, and the genre ids that no genre has."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    new_genres: list[str] = field(default_factory=list)
    unknown_genre_ids: list[int] = field(default_factory=list)


def run_import(
    files: Sequence[ImportFile],
    *,
    report: Report,
    publish: bool,
    dry_run: bool,
    now: datetime,
    on_progress: Callable[[int], object],
) -> Summary:
    """Import the rows of all files. Calls `on_progress` with the number of rows that were processed.

    `publish` publishes new items and drafts. Without it, new items are drafts. Nothing is unpublished,
    and archived items stay archived. `dry_run` counts and reports the same, but writes neither SQL nor Redis.
    If a batch fails, the earlier batches stay. A second run finds their items unchanged.
    Memory: one batch, and about 100 bytes per row to detect duplicate ids.
    """
    resolver = GenreResolver(create=not dry_run)
    summary = Summary()
    importable = _iterate_importable_rows(files, report, on_progress)
    while rows := list(islice(importable, BATCH_SIZE)):
        batch = writing.write(rows, resolver=resolver, publish=publish, dry_run=dry_run, now=now)
        summary.created += len(batch.created)
        summary.updated += len(batch.updated)
        summary.unchanged += batch.unchanged
        on_progress(len(rows))
    summary.rejected = report.rejected
    summary.new_genres = resolver.new_names
    summary.unknown_genre_ids = sorted(resolver.unknown_ids)
    return summary


def _iterate_importable_rows(
    files: Sequence[ImportFile], report: Report, on_progress: Callable[[int], object]
) -> Iterator[Row]:
    """Yield the rows that can be imported, and report the others.

    If several rows have the same id, also in different files, only the first is imported.
    """
    positions: dict[int, int] = {}  # by the hash of the id; file and row number as one int, to save memory
    for index, (number, row, given_id) in _separate_remakes(files):
        if isinstance(row, RejectedRow):
            report.reject(files[index].path, number, given_id, row)
            on_progress(1)
        elif duplicate := _find_duplicate(row, positions, files):
            report.reject(files[index].path, number, row.id, duplicate)
            on_progress(1)
        else:
            positions[hash(row.id)] = index * _MAX_ROWS + number
            yield row


def _separate_remakes(files: Sequence[ImportFile]) -> Iterator[tuple[int, FileRow]]:
    """Yield the index of the file and the row for each row. A row that is a remake of another film has its own id."""
    years = FilmYears()
    for index, file in enumerate(files):
        rows = file.rows()
        while batch := list(islice(rows, BATCH_SIZE)):
            years.load(each.result for each in batch if isinstance(each.result, Row))
            for each in batch:
                result = years.separate(each.result) if isinstance(each.result, Row) else each.result
                yield index, each._replace(result=result)


def _find_duplicate(row: Row, positions: dict[int, int], files: Sequence[ImportFile]) -> RejectedRow | None:
    position = positions.get(hash(row.id))
    if position is None:
        return None
    index, number = divmod(position, _MAX_ROWS)
    return RejectedRow(f"duplicate id {row.id}: row {number} of {files[index].path.name} comes first")
