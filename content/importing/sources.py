"""What a file is, found out before anything is written: its layout, its format, its number of rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal

import orjson

from content.importing import formats, layouts
from content.importing.errors import RejectedRow, UnusableFile
from content.importing.formats import Format, Row
from content.importing.layouts import Layout

Wanted = Literal["auto", "master", "tmdb-csv", "wikipedia"]
WANTED: Final[tuple[Wanted, ...]] = ("auto", "master", "tmdb-csv", "wikipedia")

_HEAD: Final = 64 * 1024  # bytes
_SAMPLE: Final = 20  # rows by whose keys the format is recognised


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be imported; `rows` of it, good and bad."""

    path: Path
    layout: Layout
    format: Format
    count: int

    def rows(self) -> Iterator[tuple[int, Row | RejectedRow, str | None]]:
        """Each row's number, what it says or why it cannot go in, and the id that it claims. Streams.

        Raises UnusableFile if the file has changed since it was checked.
        """
        read = formats.READERS[self.format]
        for number, raw in self._raw():
            if isinstance(raw, RejectedRow):
                yield number, raw, None
                continue
            claimed = raw.get("id")
            try:
                yield number, read(raw), claimed
            except RejectedRow as reason:
                yield number, reason, claimed if isinstance(claimed, str) else None

    def _raw(self) -> Iterator[layouts.Raw]:
        try:
            yield from self.layout.rows(self.path)
        except (UnusableFile, OSError) as error:
            raise UnusableFile(f"{self.path}: {error}") from error


def check(path: Path, wanted: Wanted) -> Source:
    """Read the whole file once and tell what it is; raises UnusableFile with one line that names it.

    Two passes instead of one transaction over everything: a file that is broken at its very end
    has changed nothing, and no lock is held for longer than a batch. Cost: no SQL; the file's
    parse, about a second for 50,000 items; one row in memory.
    """
    try:
        layout = _layout(path, wanted)
        count = layout.count(path)
        if not count:
            raise UnusableFile("it holds no row")
        return Source(path, layout, _format(path, layout, wanted), count)
    except OSError as error:
        raise UnusableFile(f"{path}: {error.strerror or error}") from error
    except UnusableFile as error:
        raise UnusableFile(f"{path}: {error}") from error


def _layout(path: Path, wanted: Wanted) -> Layout:
    head = _head(path)
    start = head.lstrip()[:1]
    if start == b"<":
        raise UnusableFile("it is HTML or XML")
    if wanted == "tmdb-csv" or (wanted == "auto" and start not in {b"[", b"{"}):
        return _csv(path, start, wanted)
    if start == b"[":
        return layouts.LIST
    if path.suffix.lower() in {".jsonl", ".ndjson"} or _first_line_is_a_row(head):
        return layouts.LINES
    if start != b"{":
        raise UnusableFile("it is not JSON")
    return layouts.KEYED


def _head(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe could not be read twice
        raise UnusableFile("it is a folder" if path.is_dir() else "it is not a regular file")
    with layouts.opened(path) as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise UnusableFile("it is empty")
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # Its last character may be cut in two.
        if error.reason != "unexpected end of data":
            raise UnusableFile("it is binary, or text in another encoding than UTF-8") from error
    return head


def _csv(path: Path, start: bytes, wanted: Wanted) -> Layout:
    if path.suffix.lower() in {".jsonl", ".ndjson"} and wanted == "auto":
        return layouts.LINES  # its first line may be broken
    if start in {b"[", b"{"}:
        raise UnusableFile("it is JSON, not CSV")
    if not formats.is_tmdb(layouts.header(path)):
        raise UnusableFile(
            "it is neither JSON nor a TMDB export in CSV with the columns id, title (or name) and genres"
        )
    return layouts.CSV


def _first_line_is_a_row(head: bytes) -> bool:
    """Whether the first line is an object and another follows: JSON lines, not one object keyed by id."""
    line, _, rest = head.lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _format(path: Path, layout: Layout, wanted: Wanted) -> Format:
    if layout is layouts.CSV:
        return "tmdb-csv"
    objects = (raw for _, raw in layout.rows(path) if isinstance(raw, dict))
    possible = formats.recognise(islice(objects, _SAMPLE))
    if not possible:
        raise UnusableFile("its rows have none of the keys of an item")
    if wanted == "auto":
        return possible[0]
    if wanted in possible:
        return wanted
    raise UnusableFile(f"its rows have the keys of the {possible[0]} format, not of {wanted}")
