"""The sharded streams of events in Redis: append, read, trim.

A stream's first entry names it (`born`): a Redis that was emptied makes a stream of another name, which is how
readers find out. A shard's two keys share a hash tag; nothing here touches two shards in one step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from django.conf import settings
from redis.client import CaseInsensitiveDict

from analytics import keys
from analytics.packing import LAYOUT
from core.redis.client import state_redis
from core.redis.script import Script

START: Final = "0-0"  # before every entry

Entry = tuple[str, Sequence[bytes]]  # id; names and values of its fields in turn


class StreamFull(Exception):
    """Events wait in so great a number that no more are taken; to be tried again after `retry_after` seconds."""

    retry_after = 5.0


# KEYS: stream, born. ARGV: most entries, field, payloads. All or nothing; 0 if there is no room.
_APPEND = Script("""
local room = tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1])
if #ARGV - 2 > room then return 0 end
for place = 3, #ARGV do
  local id = redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[place])
  if place == 3 then redis.call('SET', KEYS[2], id, 'NX') end
end
return 1
""")


@dataclass(frozen=True, slots=True)
class State:
    """A stream as it is: `born` is None where there is none, `added` counts all entries it ever had, `last` is the
    newest id, `first` the oldest entry behind the position that was asked about."""

    born: str | None
    added: int
    last: str
    first: str | None


@dataclass(frozen=True, slots=True)
class Read:
    """Entries behind a position, oldest first, with the stream that they are of."""

    state: State
    entries: Sequence[Entry]


def shard_of(viewer: str) -> int:
    """Where a viewer's events go while there are ANALYTICS_SHARDS shards."""
    shards: int = settings.ANALYTICS_SHARDS
    return int.from_bytes(blake2b(viewer.encode(), digest_size=4).digest()) % shards


def append(shard: int, payloads: Sequence[bytes]) -> None:
    """Append all of these or none. Cost: 1 wait. Raises StreamFull and Redis's errors."""
    most = settings.ANALYTICS_STREAM_EVENTS // settings.ANALYTICS_SHARDS
    if not _APPEND.run(state_redis(), keys=_names(shard), args=[most, LAYOUT, *payloads]):
        raise StreamFull(f"{most} events wait in shard {shard}")


def read(shard: int, *, after: str, count: int) -> Read:
    """Up to `count` entries behind a position. Cost: 1 wait."""
    pipe = _raw()
    _queue_state(pipe, shard, after, count)
    answers = pipe.execute(raise_on_error=False)
    return Read(_state(answers), [(entry.decode(), fields) for entry, fields in answers[2]])


def states(positions: Mapping[tuple[int, str], str]) -> dict[tuple[int, str], State]:
    """By (shard, reader) the state of the shard's stream behind the reader's position. Cost: 1 wait."""
    pipe = _raw()
    for (shard, _), position in positions.items():
        _queue_state(pipe, shard, position, 1)
    answers = pipe.execute(raise_on_error=False)
    return {key: _state(answers[3 * place : 3 * place + 3]) for place, key in enumerate(positions)}


def walk(shard: int, *, count: int) -> Iterator[Entry]:
    """All entries of a stream, the oldest first, read or not. Cost: 1 wait for `count` of them."""
    after = START
    while entries := read(shard, after=after, count=count).entries:
        yield from entries
        after = entries[-1][0]


def lengths() -> dict[int, int]:
    """How many entries each stream holds, of all shards that there can be; empty ones are left out. Cost: 1 wait."""
    pipe = state_redis().pipeline()
    for shard in range(settings.ANALYTICS_MAX_SHARDS):
        pipe.xlen(keys.EVENTS.name(shard=shard))
    return {shard: length for shard, length in enumerate(pipe.execute()) if length}


def trim(shard: int, *, upto: str) -> None:
    """Drop what lies at this position and before it. Cost: 1 wait."""
    milliseconds, _, sequence = upto.partition("-")
    state_redis().xtrim(
        keys.EVENTS.name(shard=shard), minid=f"{milliseconds}-{int(sequence) + 1}", approximate=False
    )


def place(position: str) -> tuple[int, int]:
    """A position as something that can be compared."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence)


def _names(shard: int) -> list[str]:
    return [keys.EVENTS.name(shard=shard), keys.EVENTS_BORN.name(shard=shard)]


def _raw() -> Any:
    """A pipeline whose answers are as Redis sends them: a dictionary for each entry costs as much as reading it."""
    pipe = state_redis().pipeline()
    pipe.response_callbacks = CaseInsensitiveDict({})
    return pipe


def _queue_state(pipe: Any, shard: int, after: str, count: int) -> None:
    stream, born = _names(shard)
    pipe.get(born)
    pipe.xinfo_stream(stream)
    pipe.xrange(stream, min=f"({after}", count=count)


def _state(answers: Sequence[Any]) -> State:
    """XINFO of a stream that is not there is an error, which says just that."""
    born, info, entries = answers
    for answer in (born, entries):
        if isinstance(answer, Exception):
            raise answer
    if isinstance(info, Exception):
        return State(None, 0, START, None)
    known = dict(zip(info[::2], info[1::2], strict=True))
    first = entries[0][0].decode() if entries else None
    return State(_text(born), int(known[b"entries-added"]), _text(known[b"last-generated-id"]), first)


def _text(value: bytes | None) -> str:
    return value.decode() if value else ""
