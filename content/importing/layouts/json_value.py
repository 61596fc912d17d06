"""A file that is one JSON value: a list of rows, or an object whose keys are the ids of the rows."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import ijson

from content.importing.errors import UnusableFile
from content.importing.layouts.base import JSON, Layout, NumberedRow, open_without_bom, to_row

MAX_VALUES: Final = 10_000  # per row; a row with more is a list of items inside an object
_CHUNK_BYTES: Final = 1024 * 1024
# ijson crashes on numbers with more than 4,300 digits, because Python refuses to convert them.
_HUGE_NUMBER: Final = re.compile(rb"[0-9]{1000}")


def _count(path: Path) -> int:
    _check_no_huge_numbers(path)
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
            raise UnusableFile(f"row {rows} contains more than {MAX_VALUES} values, so it is not an item")
    if rows and not objects:
        raise UnusableFile("none of its rows is an object")
    return rows


def _check_no_huge_numbers(path: Path) -> None:
    with open_without_bom(path) as file:
        previous_end = b""
        while chunk := file.read(_CHUNK_BYTES):
            if _HUGE_NUMBER.search(previous_end + chunk):
                raise UnusableFile("it contains a number with 1,000 digits or more")
            previous_end = chunk[-1000:]


def _events(path: Path) -> Iterator[tuple[str, Any]]:
    with open_without_bom(path) as file:
        yield from _translate_parser_errors(ijson.basic_parse(file))


def _list_rows(path: Path) -> Iterator[NumberedRow]:
    with open_without_bom(path) as file:
        values = _translate_parser_errors(ijson.items(file, "item"))
        for number, value in enumerate(values, start=1):
            yield number, to_row(value)


def _object_rows(path: Path) -> Iterator[NumberedRow]:
    """Read the rows. The key becomes the id of a row without one."""
    with open_without_bom(path) as file:
        pairs = _translate_parser_errors(ijson.kvitems(file, ""))
        for number, (key, value) in enumerate(pairs, start=1):
            row = to_row(value)
            if isinstance(row, dict) and row.get("id") is None:
                row["id"] = key
            yield number, row


def _translate_parser_errors(parsed: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from parsed
    except ijson.JSONError as error:
        message = error.args[0] if error.args else ""
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        line = text.partition("\n")[0]
        if "premature EOF" in line:
            raise UnusableFile("its JSON is cut off: the end is missing") from error
        raise UnusableFile(f"it is not valid JSON ({line.rstrip('.')})") from error
    except ArithmeticError as error:
        raise UnusableFile("it contains a number that is out of bounds") from error


JSON_LIST: Final = Layout(
    syntax=JSON,
    matches=lambda _, beginning: beginning.lstrip().startswith(b"["),
    count=_count,
    rows=_list_rows,
)
JSON_OBJECT: Final = Layout(
    syntax=JSON,
    matches=lambda _, beginning: beginning.lstrip().startswith(b"{"),
    count=_count,
    rows=_object_rows,
)
