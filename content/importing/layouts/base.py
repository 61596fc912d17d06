"""The base of all layouts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from content.importing.errors import RejectedRow

JSON: Final = "JSON"
CSV: Final = "CSV"

BOM: Final = b"\xef\xbb\xbf"
MAX_LINE_LENGTH: Final = 1024 * 1024  # bytes or characters; a longer line cannot be an item

NumberedRow = tuple[int, dict[str, Any] | RejectedRow]


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to store rows in a file. All functions stream. They raise UnusableFile for invalid files.

    - `syntax` is JSON if a row contains JSON values, and CSV if it contains the text of cells.
    - `matches` takes the path and the first 64 KB of the file. The first layout that matches is used.
    - `count` reads the whole file and returns the number of rows.
    - `rows` yields each row with its number, starting at 1. It can read every file that `count` accepts.
      In JSON lines, rows have the number of their line. A CSV header has no number.
    - `read_columns` returns the keys that all rows of a table have. It is None for other layouts.
    """

    syntax: str
    matches: Callable[[Path, bytes], bool]
    count: Callable[[Path], int]
    rows: Callable[[Path], Iterator[NumberedRow]]
    read_columns: Callable[[Path], list[str]] | None = None


def open_without_bom(path: Path) -> BinaryIO:
    """Open the file and skip its byte order mark, if it has one."""
    file = path.open("rb")
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    return file


def starts_as_json(beginning: bytes) -> bool:
    return beginning.lstrip().startswith((b"[", b"{"))


def to_row(value: Any) -> dict[str, Any] | RejectedRow:
    """Return the value if it is a JSON object, else the rejection."""
    return value if isinstance(value, dict) else RejectedRow("not an object")
