"""How rows lie in a file: a JSON list, a JSON object keyed by id, JSON lines, CSV. All are streamed.

`rows` gives each row with its number (from 1; the line's number in JSON lines; CSV's header is
not counted) as a dict, or as the RejectedRow that it is. Both functions raise UnusableFile for what
makes the whole file unusable.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import ijson
import orjson

from content.importing.errors import RejectedRow, UnusableFile

Raw = tuple[int, dict[str, Any] | RejectedRow]

BOM: Final = b"\xef\xbb\xbf"
MAX_LINE: Final = 1024 * 1024  # bytes or characters; a longer line is not an item
MAX_VALUES: Final = 10_000  # in one JSON row; one with more is not an item but a wrapped list
_CHUNK: Final = 1024 * 1024
# Python refuses to read a number of more than 4,300 digits, and ijson's C part dies of the refusal.
_MONSTER: Final = re.compile(rb"[0-9]{1000}")


@dataclass(frozen=True, slots=True)
class Layout:
    """`count` reads the whole file and gives its number of rows; whatever it accepts `rows` can stream."""

    name: str
    count: Callable[[Path], int]
    rows: Callable[[Path], Iterator[Raw]]


def opened(path: Path) -> BinaryIO:
    """The file from behind its byte order mark, if it has one."""
    file = path.open("rb")
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    return file


# --- one JSON value -------------------------------------------------------------------------------


def _count_json(path: Path) -> int:
    _refuse_monsters(path)
    rows = objects = depth = values = 0
    for event, _ in _events(path):
        if event in {"end_map", "end_array"}:
            depth -= 1
            continue
        if depth == 1 and event != "map_key":
            rows += 1
            objects += event == "start_map"
            values = 0
        if event in {"start_map", "start_array"}:
            depth += 1
        values += 1
        if values > MAX_VALUES and depth > 1:
            raise UnusableFile(f"row {rows} holds more than {MAX_VALUES} values, which is no item")
    if rows and not objects:
        raise UnusableFile("none of its rows is an object")
    return rows


def _refuse_monsters(path: Path) -> None:
    with opened(path) as file:
        tail = b""
        while chunk := file.read(_CHUNK):
            if _MONSTER.search(tail + chunk):
                raise UnusableFile("it holds a number of a thousand digits or more")
            tail = chunk[-1000:]


def _events(path: Path) -> Iterator[tuple[str, Any]]:
    with opened(path) as file:
        yield from _sound(ijson.basic_parse(file))


def _list_rows(path: Path) -> Iterator[Raw]:
    with opened(path) as file:
        for number, value in enumerate(_sound(ijson.items(file, "item")), start=1):
            yield number, _object(value)


def _keyed_rows(path: Path) -> Iterator[Raw]:
    """The key is the id of a row that names none itself."""
    with opened(path) as file:
        for number, (key, value) in enumerate(_sound(ijson.kvitems(file, "")), start=1):
            row = _object(value)
            if isinstance(row, dict) and row.get("id") is None:
                row["id"] = key
            yield number, row


def _sound(parsed: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from parsed
    except ijson.JSONError as error:
        what = error.args[0] if error.args else ""
        line = (what.decode(errors="replace") if isinstance(what, bytes) else str(what)).partition("\n")[0]
        if "premature EOF" in line:
            raise UnusableFile("its JSON is cut off: the end is missing") from error
        raise UnusableFile(f"it is not valid JSON ({line.rstrip('.')})") from error
    except ArithmeticError as error:
        raise UnusableFile("it holds a number that is out of all bounds") from error


def _object(value: Any) -> dict[str, Any] | RejectedRow:
    return value if isinstance(value, dict) else RejectedRow("not an object")


# --- JSON lines -----------------------------------------------------------------------------------


def _count_lines(path: Path) -> int:
    rows = objects = 0
    for _, row in _line_rows(path):
        rows += 1
        objects += isinstance(row, dict)
    if rows and not objects:
        raise UnusableFile("none of its lines is a JSON object")
    return rows


def _line_rows(path: Path) -> Iterator[Raw]:
    with opened(path) as file:
        for number, line in _lines(file):
            if line is None:
                yield number, RejectedRow(f"line longer than {MAX_LINE} bytes")
            elif line.strip():
                yield number, _parsed(line)


def _parsed(line: bytes) -> dict[str, Any] | RejectedRow:
    try:
        return _object(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        return RejectedRow(f"broken JSON: {error}")


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long to be kept."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        whole = line.endswith(b"\n") or len(line) < MAX_LINE
        yield number, line if whole else None
        while not whole:
            rest = file.readline(MAX_LINE)
            whole = rest.endswith(b"\n") or len(rest) < MAX_LINE


# --- CSV ------------------------------------------------------------------------------------------


def header(path: Path) -> list[str]:
    """The names of a CSV file's columns, in small letters; empty if it cannot be read as one."""
    with _text(path) as file:
        try:
            return [name.strip().lower() for name in next(csv.reader(_pieces(file), strict=True), [])]
        except (csv.Error, UnicodeDecodeError):
            return []


def _count_csv(path: Path) -> int:
    return sum(1 for _ in _csv_rows(path))


def _csv_rows(path: Path) -> Iterator[Raw]:
    names = header(path)
    with _text(path) as file:
        reader = csv.reader(_pieces(file), strict=True)
        next(reader)
        number = 0
        while (cells := _next_cells(reader)) is not None:
            if isinstance(cells, RejectedRow) or cells:  # a blank line is no row
                number += 1
                yield number, _named(names, cells)


def _next_cells(reader: Iterator[list[str]]) -> list[str] | RejectedRow | None:
    """The reader goes on with the next line after a broken one. None at the end."""
    try:
        return next(reader, None)
    except UnicodeDecodeError as error:
        raise UnusableFile("it is not UTF-8 text throughout") from error
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise UnusableFile("it is cut off: its last quoted cell does not end") from error
        return RejectedRow(f"broken CSV: {error}")


def _named(names: list[str], cells: list[str] | RejectedRow) -> dict[str, Any] | RejectedRow:
    if isinstance(cells, RejectedRow):
        return cells
    if len(cells) != len(names):
        return RejectedRow(f"{len(cells)} cells, but the header has {len(names)}")
    return dict(zip(names, cells, strict=True))


def _text(path: Path) -> TextIO:
    return TextIOWrapper(opened(path), encoding="utf-8", newline="")


def _pieces(file: TextIO) -> Iterator[str]:
    while line := file.readline(MAX_LINE):
        yield line


LIST: Final = Layout("a JSON list", _count_json, _list_rows)
KEYED: Final = Layout("a JSON object", _count_json, _keyed_rows)
LINES: Final = Layout("JSON lines", _count_lines, _line_rows)
CSV: Final = Layout("CSV", _count_csv, _csv_rows)
