"""Inspect a file before anything is written: find out its layout, its format and its number of rows."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from content.importing.errors import RejectedRow, UnusableFile
from content.importing.formats import FORMATS, FORMATS_BY_NAME, Format, Row
from content.importing.layouts import JSON, LAYOUTS, Layout, NumberedRow, open_without_bom, starts_as_json

AUTO: Final = "auto"
REQUESTED_FORMATS: Final = (AUTO, *FORMATS_BY_NAME)

_BEGINNING_BYTES: Final = 64 * 1024
_SAMPLE_ROWS: Final = 20  # rows whose keys decide the format


class FileRow(NamedTuple):
    """A row of a file. `given_id` is the id in the file, if it has one."""

    number: int
    result: Row | RejectedRow
    given_id: str | None


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file that can be imported."""

    path: Path
    layout: Layout
    format: Format
    count: int

    def rows(self) -> Iterator[FileRow]:
        """Stream the rows. Raises UnusableFile if the file has changed since it was inspected."""
        for number, raw in self._raw_rows():
            if isinstance(raw, RejectedRow):
                yield FileRow(number, raw, None)
                continue
            given_id = raw.get("id")
            try:
                yield FileRow(number, self.format.parse_row(raw), given_id)
            except RejectedRow as rejection:
                yield FileRow(number, rejection, given_id if isinstance(given_id, str) else None)

    def _raw_rows(self) -> Iterator[NumberedRow]:
        try:
            yield from self.layout.rows(self.path)
        except (UnusableFile, OSError) as error:
            raise UnusableFile(f"{self.path}: {error}") from error


def inspect_file(path: Path, requested: str = AUTO) -> ImportFile:
    """Read the whole file once. Raises UnusableFile with one line that starts with the path.

    `requested` is the name of a format, or `auto`. The import reads the file a second time. Thus a file
    that is invalid at its end changes nothing, and no transaction is longer than a batch.
    Cost: no SQL; about a second for 50,000 items; one row in memory.
    """
    try:
        return _inspect(path, FORMATS_BY_NAME.get(requested))
    except OSError as error:
        raise UnusableFile(f"{path}: {error.strerror or error}") from error
    except UnusableFile as error:
        raise UnusableFile(f"{path}: {error}") from error


def _inspect(path: Path, requested: Format | None) -> ImportFile:
    layout = _detect_layout(path, requested)
    if layout.read_columns is not None:  # the header decides, before all rows are read
        detected = _detect_format(set(layout.read_columns(path)), layout, requested)
        return ImportFile(path, layout, detected, _count_rows(path, layout))
    count = _count_rows(path, layout)
    return ImportFile(path, layout, _detect_format(_sample_keys(path, layout), layout, requested), count)


def _detect_layout(path: Path, requested: Format | None) -> Layout:
    beginning = _read_beginning(path)
    if beginning.lstrip().startswith(b"<"):
        raise UnusableFile("it is HTML or XML")
    for layout in LAYOUTS:
        is_readable = requested is None or layout.syntax == requested.syntax
        if is_readable and layout.matches(path, beginning):
            return layout
    found = JSON if starts_as_json(beginning) else "text"
    raise UnusableFile(f"it is {found}, not {requested.syntax if requested else 'a known layout'}")


def _read_beginning(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe cannot be read twice
        raise UnusableFile("it is a folder" if path.is_dir() else "it is not a regular file")
    with open_without_bom(path) as file:
        beginning = file.read(_BEGINNING_BYTES)
    if not beginning.strip():
        raise UnusableFile("it is empty")
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":  # else only the last character is incomplete
            raise UnusableFile("it is binary, or text in an encoding other than UTF-8") from error
    return beginning


def _count_rows(path: Path, layout: Layout) -> int:
    count = layout.count(path)
    if not count:
        raise UnusableFile("it has no rows")
    return count


def _sample_keys(path: Path, layout: Layout) -> set[str]:
    objects = (raw for _, raw in layout.rows(path) if isinstance(raw, dict))
    return {key for row in islice(objects, _SAMPLE_ROWS) for key in row}


def _detect_format(keys: Set[str], layout: Layout, requested: Format | None) -> Format:
    """Return the format that fits the keys best.

    Raises UnusableFile if no format fits, or if another one fits better than the requested format.
    """
    candidates = [candidate for candidate in FORMATS if candidate.syntax == layout.syntax]
    best_score = max(candidate.score(keys) for candidate in candidates)
    if not best_score:
        raise _unknown_keys(layout, candidates)
    best = [candidate for candidate in candidates if candidate.score(keys) == best_score]
    if requested is None or requested in best:
        return requested or best[0]
    raise UnusableFile(f"its rows have the keys of the {best[0].name} format, not of {requested.name}")


def _unknown_keys(layout: Layout, candidates: Sequence[Format]) -> UnusableFile:
    if layout.read_columns is None:
        return UnusableFile("its rows have none of the keys of an item")
    needed = "; ".join(f"{candidate.name}: {candidate.needed_columns}" for candidate in candidates)
    return UnusableFile(f"it is neither JSON nor {layout.syntax} with the columns of a format ({needed})")
