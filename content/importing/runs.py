"""One run of an import over all its files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from content.importing import writing
from content.importing.errors import RejectedRow
from content.importing.formats import Row
from content.importing.report import Report
from content.importing.sources import Source
from content.services.genres import GenreResolver

BATCH: Final = 1000  # rows: a few MB, a few tenths of a second in one transaction
_ROWS: Final = 10**12  # more than a file has


@dataclass(slots=True)
class Summary:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    new_genres: list[str] = field(default_factory=list)


def run(
    sources: Sequence[Source],
    *,
    report: Report,
    publish: bool,
    dry_run: bool,
    now: datetime,
    advance: Callable[[int], object],
) -> Summary:
    """Import the files' rows batch by batch; `advance` is told after each how many rows it took.

    `publish` publishes new items and those that are drafts; nothing is ever unpublished, and what
    staff archived stays so. With `dry_run` the same is counted and neither SQL nor Redis written.
    What is in stays in when a later batch fails; running again finds it unchanged.
    Memory: a batch, and some 100 bytes per row to notice ids that come twice.
    """
    resolver = GenreResolver(create=not dry_run)
    summary = Summary()
    good = _good(sources, report, advance)
    while rows := list(islice(good, BATCH)):
        batch = writing.write(rows, resolver=resolver, publish=publish, dry_run=dry_run, now=now)
        summary.created += len(batch.created)
        summary.updated += len(batch.updated)
        summary.unchanged += batch.unchanged
        advance(len(rows))
    summary.rejected = report.rejected
    summary.new_genres = resolver.new_names
    return summary


def _good(sources: Sequence[Source], report: Report, advance: Callable[[int], object]) -> Iterator[Row]:
    """The rows that can go in. Of two rows of one id, in whatever files, the first does."""
    places: dict[int, int] = {}
    for index, source in enumerate(sources):
        for number, row, claimed in source.rows():
            reason = row if isinstance(row, RejectedRow) else _doubled(row, places, sources)
            if reason is None and isinstance(row, Row):
                places[hash(row.id)] = index * _ROWS + number
                yield row
            elif reason is not None:
                report.reject(
                    source.path, number, claimed if isinstance(row, RejectedRow) else row.id, reason
                )
                advance(1)


def _doubled(row: Row, places: dict[int, int], sources: Sequence[Source]) -> RejectedRow | None:
    place = places.get(hash(row.id))
    if place is None:
        return None
    index, number = divmod(place, _ROWS)
    return RejectedRow(f"second row of id {row.id}; the first is row {number} of {sources[index].path.name}")
