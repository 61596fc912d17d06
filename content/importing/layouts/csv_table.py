"""CSV with a header. The cells of a row become the values of a dict, under the names of the header."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, TextIO

from content.importing.errors import RejectedRow, UnusableFile
from content.importing.layouts.base import (
    CSV,
    MAX_LINE_LENGTH,
    Layout,
    NumberedRow,
    open_without_bom,
    starts_as_json,
)


def _read_columns(path: Path) -> list[str]:
    """Return the column names in lower case, or an empty list if the header cannot be read."""
    with _open_text(path) as file:
        try:
            return [name.strip().lower() for name in next(csv.reader(_bounded_lines(file), strict=True), [])]
        except (csv.Error, UnicodeDecodeError):
            return []


def _count(path: Path) -> int:
    return sum(1 for _ in _rows(path))


def _rows(path: Path) -> Iterator[NumberedRow]:
    columns = _read_columns(path)
    with _open_text(path) as file:
        reader = csv.reader(_bounded_lines(file), strict=True)
        next(reader)
        number = 0
        while (cells := _next_cells(reader)) is not None:
            if isinstance(cells, RejectedRow) or cells:  # an empty line is not a row
                number += 1
                yield number, _to_dict(columns, cells)


def _next_cells(reader: Iterator[list[str]]) -> list[str] | RejectedRow | None:
    """Return the cells of the next row, or None at the end.

    After an invalid line the reader continues with the next one.
    """
    try:
        return next(reader, None)
    except UnicodeDecodeError as error:
        raise UnusableFile("it contains text that is not encoded as UTF-8") from error
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise UnusableFile("it is cut off: its last quoted cell does not end") from error
        return RejectedRow(f"invalid CSV: {error}")


def _to_dict(columns: list[str], cells: list[str] | RejectedRow) -> dict[str, Any] | RejectedRow:
    if isinstance(cells, RejectedRow):
        return cells
    if len(cells) != len(columns):
        return RejectedRow(f"{len(cells)} cells, but the header has {len(columns)}")
    return dict(zip(columns, cells, strict=True))


def _open_text(path: Path) -> TextIO:
    return TextIOWrapper(open_without_bom(path), encoding="utf-8", newline="")


def _bounded_lines(file: TextIO) -> Iterator[str]:
    """Yield the lines, cut into pieces of bounded length."""
    while line := file.readline(MAX_LINE_LENGTH):
        yield line


CSV_TABLE: Final = Layout(
    syntax=CSV,
    matches=lambda _, beginning: not starts_as_json(beginning),
    count=_count,
    rows=_rows,
    read_columns=_read_columns,
)
