"""Commands on streams."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from soak.simulation.redis_model.server import ErrorReply, RedisModel, command, to_int

EntryId = tuple[int, int]
_LAST: Final = (2**64 - 1, 2**64 - 1)


@dataclass
class Stream:
    """The entries by ascending id. `added` counts all that the stream ever had."""

    entries: list[tuple[EntryId, list[bytes]]] = field(default_factory=list)
    last_id: EntryId = (0, 0)
    added: int = 0

    def copy(self) -> "Stream":
        return replace(self, entries=list(self.entries))


@command("XADD")
def xadd(server: RedisModel, args: Sequence[bytes]) -> bytes:
    stream = server.get_or_create(args[0], Stream)
    now = server.now_ms
    if args[1] == b"*":
        milliseconds, sequence = stream.last_id
        new_id = (now, 0) if now > milliseconds else (milliseconds, sequence + 1)
    else:
        new_id = _parse(args[1], sequence=0)
    if new_id <= stream.last_id:
        raise ErrorReply("ERR The ID specified in XADD is equal or smaller than the target stream top item")
    stream.entries.append((new_id, list(args[2:])))
    stream.last_id, stream.added = new_id, stream.added + 1
    return _format(new_id)


@command("XLEN")
def xlen(server: RedisModel, args: Sequence[bytes]) -> int:
    stream = server.get(args[0], Stream)
    return len(stream.entries) if stream else 0


@command("XRANGE")
def xrange_(server: RedisModel, args: Sequence[bytes]) -> list[Any]:
    stream = server.get(args[0], Stream)
    if stream is None:
        return []
    after, upto = args[1], args[2]
    first = (0, 0) if after == b"-" else _parse(after.removeprefix(b"("), sequence=0)
    last = _LAST if upto == b"+" else _parse(upto.removeprefix(b"("), sequence=2**64 - 1)
    found = [
        [_format(entry_id), fields]
        for entry_id, fields in stream.entries
        if (entry_id > first if after.startswith(b"(") else entry_id >= first)
        and (entry_id < last if upto.startswith(b"(") else entry_id <= last)
    ]
    return found[: to_int(args[4])] if len(args) > 3 else found


@command("XTRIM")
def xtrim(server: RedisModel, args: Sequence[bytes]) -> int:
    """Delete the entries below an id. Only MINID, exactly."""
    stream = server.get(args[0], Stream)
    if stream is None:
        return 0
    lowest = _parse(args[-1], sequence=0)
    before = len(stream.entries)
    stream.entries = [entry for entry in stream.entries if entry[0] >= lowest]
    return before - len(stream.entries)


@command("XINFO")
def xinfo(server: RedisModel, args: Sequence[bytes]) -> list[Any]:
    """Return the fields of XINFO STREAM that we read."""
    stream = server.get(args[1], Stream)
    if stream is None:
        raise ErrorReply("ERR no such key")
    return [
        *(b"length", len(stream.entries)),
        *(b"last-generated-id", _format(stream.last_id)),
        *(b"entries-added", stream.added),
    ]


def _parse(raw: bytes, *, sequence: int) -> EntryId:
    milliseconds, separator, rest = raw.partition(b"-")
    return to_int(milliseconds), to_int(rest) if separator else sequence


def _format(entry_id: EntryId) -> bytes:
    return b"%d-%d" % entry_id
