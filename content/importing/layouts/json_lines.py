"""JSON lines: one JSON object per line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from content.importing.errors import RejectedRow, UnusableFile
from content.importing.layouts.base import (
    JSON,
    MAX_LINE_LENGTH,
    Layout,
    NumberedRow,
    open_without_bom,
    to_row,
)


def _matches(path: Path, beginning: bytes) -> bool:
    return path.suffix.lower() in {".jsonl", ".ndjson"} or _starts_with_two_objects(beginning)


def _starts_with_two_objects(beginning: bytes) -> bool:
    """Return whether the first line is an object and a second object follows.

    This tells JSON lines from one object that is keyed by id.
    """
    line, _, rest = beginning.lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _count(path: Path) -> int:
    rows = objects = 0
    for _, row in _rows(path):
        rows += 1
        objects += isinstance(row, dict)
    if rows and not objects:
        raise UnusableFile("none of its lines is a JSON object")
    return rows


def _rows(path: Path) -> Iterator[NumberedRow]:
    with open_without_bom(path) as file:
        for number, line in _numbered_lines(file):
            if line is None:
                yield number, RejectedRow(f"line longer than {MAX_LINE_LENGTH} bytes")
            elif line.strip():
                yield number, _parse_line(line)


def _parse_line(line: bytes) -> dict[str, Any] | RejectedRow:
    try:
        return to_row(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        return RejectedRow(f"invalid JSON: {error}")


def _numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with its number, or None instead of a line that is too long for memory."""
    number = 0
    while line := file.readline(MAX_LINE_LENGTH):
        number += 1
        is_complete = line.endswith(b"\n") or len(line) < MAX_LINE_LENGTH
        yield number, line if is_complete else None
        while not is_complete:
            rest = file.readline(MAX_LINE_LENGTH)
            is_complete = rest.endswith(b"\n") or len(rest) < MAX_LINE_LENGTH


JSON_LINES: Final = Layout(syntax=JSON, matches=_matches, count=_count, rows=_rows)
