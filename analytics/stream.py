"""The sharded streams of events in Redis: append, read and trim.

The id of a stream's first entry identifies the stream. If Redis is emptied, the next stream has another stream id, so
readers notice the loss. The first append after a restart or failover of Redis records where the stream ended then, so
readers and writers notice that its end was lost, whatever was appended since and whatever the clock says
(docs/decisions/0032). A shard's keys share a hash tag, and no command or script touches two shards.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from django.conf import settings
from redis.client import CaseInsensitiveDict

from analytics import keys
from analytics.event_format import FORMAT_VERSION
from analytics.types import is_entry_id, parse_entry_id
from core.redis.client import raise_outage, state_redis
from core.redis.script import Script

STREAM_START: Final = "0-0"  # the position before every entry

MAX_SERVERS: Final = 16  # in the list of a stream's servers

_COMMANDS_PER_STATE: Final = 4  # that `_queue_state` queues

Entry = tuple[str, Sequence[bytes]]  # id; alternating names and values of its fields


class StreamFull(Exception):
    """The backlog is too long to accept more events. The client should retry after `retry_after` seconds."""

    retry_after = 5.0


# KEYS: stream, stream id, servers. ARGV: maximum length, newest servers to keep, field, payloads. Appends all or
# nothing. Returns 0 if there is no room, else the id of the last entry and the record of the current server.
_APPEND = Script("""
local room = tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1])
if #ARGV - 3 > room then return 0 end
local info = redis.pcall('INFO', 'server')
local run_id = type(info) == 'string' and string.match(info, 'run_id:(%x%x%x%x%x%x%x%x)') or '-'
local server = redis.call('LINDEX', KEYS[3], -1)
if string.match(server or '', '^%S+') ~= run_id then
  local last_id, added = '0-0', 0
  if redis.call('EXISTS', KEYS[1]) == 1 then
    local stream = redis.call('XINFO', 'STREAM', KEYS[1])
    for index = 1, #stream, 2 do
      if stream[index] == 'last-generated-id' then last_id = stream[index + 1] end
      if stream[index] == 'entries-added' then added = stream[index + 1] end
    end
  end
  server = string.format('%s %s %.0f', run_id, last_id, added)
  redis.call('RPUSH', KEYS[3], server)
  redis.call('LTRIM', KEYS[3], -ARGV[2], -1)
end
local id
for index = 4, #ARGV do
  id = redis.call('XADD', KEYS[1], '*', ARGV[3], ARGV[index])
  if index == 4 then redis.call('SET', KEYS[2], id, 'NX') end
end
return {id, server}
""")


class Server(NamedTuple):
    """A Redis server that the stream was appended to: the first digits of its run id.

    `last_id` and `entries_added` are the stream's before the first append on this server.
    """

    stamp: str
    last_id: str
    entries_added: int

    @classmethod
    def parsed(cls, raw: bytes) -> "Server | None":
        """Return the server of a record, None if it is unreadable. Further words are ignored."""
        words = raw.decode(errors="replace").split(" ")
        if len(words) < len(cls._fields) or not (is_entry_id(words[1]) and words[2].isdecimal()):
            return None
        return cls(words[0], words[1], int(words[2]))

    def __str__(self) -> str:
        return f"{self.stamp} {self.last_id} {self.entries_added}"


@dataclass(frozen=True, slots=True)
class StreamState:
    """The state of a stream.

    `stream_id` is None if the stream does not exist. `entries_added` counts all entries that the stream ever had.
    `last_id` is the newest entry's id. `oldest_unread_id` is the id of the first entry after the given position.
    `servers` are the newest Redis servers that it was appended to, oldest first.
    """

    stream_id: str | None
    entries_added: int
    last_id: str
    oldest_unread_id: str | None
    servers: tuple[Server, ...] = ()

    def find_successor(self, known: Collection[str]) -> Server | None:
        """Return the first server that is not among the `known` ones, None if there is none.

        All that the known ones appended after its `last_id` is lost. Without known servers there is no successor.
        """
        return next((server for server in self.servers if known and str(server) not in known), None)


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The entries after a position, oldest first, and the state of their stream."""

    state: StreamState
    entries: Sequence[Entry]


def get_shard(viewer: str) -> int:
    """Return the shard of a viewer's events, for the current ANALYTICS_SHARDS."""
    shards: int = settings.ANALYTICS_SHARDS
    return int.from_bytes(blake2b(viewer.encode(), digest_size=4).digest()) % shards


def append(shard: int, payloads: Sequence[bytes]) -> tuple[str, Server | None]:
    """Append all payloads or none. Return the id of the last entry, and the server that has it.

    Cost: 1 round trip. Raises StreamFull and Redis errors.
    """
    max_length = settings.ANALYTICS_STREAM_EVENTS // settings.ANALYTICS_SHARDS
    names = [*_key_names(shard), keys.EVENTS_SERVERS.name(shard=shard)]
    args = [max_length, MAX_SERVERS, FORMAT_VERSION, *payloads]
    reply = _APPEND.run(state_redis(), keys=names, args=args)
    if not reply:
        raise StreamFull(f"the backlog of shard {shard} has reached {max_length} events")
    return reply[0].decode(), Server.parsed(reply[1])


def read(shard: int, *, after: str, count: int) -> ReadResult:
    """Read up to `count` entries after a position. Cost: 1 round trip. Raises Redis errors."""
    pipe = _raw_pipeline()
    _queue_state(pipe, shard, after, count)
    replies = pipe.execute(raise_on_error=False)
    raise_outage(replies)
    return ReadResult(_parse_state(replies), [(entry.decode(), fields) for entry, fields in replies[2]])


def get_states(positions: Mapping[tuple[int, str], str]) -> dict[tuple[int, str], StreamState]:
    """Return the state of each shard's stream after each reader's position, by (shard, reader).

    Cost: 1 round trip. Raises Redis errors.
    """
    pipe = _raw_pipeline()
    for (shard, _), position in positions.items():
        _queue_state(pipe, shard, position, 1)
    replies = pipe.execute(raise_on_error=False)
    raise_outage(replies)
    starts = range(0, len(replies), _COMMANDS_PER_STATE)
    states = [_parse_state(replies[start : start + _COMMANDS_PER_STATE]) for start in starts]
    return dict(zip(positions, states, strict=True))


def iterate_entries(shard: int, *, count: int) -> Iterator[Entry]:
    """Yield all entries of a stream, read or not, oldest first. Cost: 1 round trip for every `count` entries."""
    after = STREAM_START
    while entries := read(shard, after=after, count=count).entries:
        yield from entries
        after = entries[-1][0]


def get_lengths() -> dict[int, int]:
    """Return the length of every non-empty stream, by shard. Cost: 1 round trip.

    This includes streams of shards that a lower ANALYTICS_SHARDS has left behind.
    """
    pipe = state_redis().pipeline()
    for shard in range(settings.ANALYTICS_MAX_SHARDS):
        pipe.xlen(keys.EVENTS.name(shard=shard))
    return {shard: length for shard, length in enumerate(pipe.execute()) if length}


def trim(shard: int, *, upto: str) -> None:
    """Delete the entries up to and including an id. Cost: 1 round trip."""
    milliseconds, sequence = parse_entry_id(upto)
    state_redis().xtrim(
        keys.EVENTS.name(shard=shard), minid=f"{milliseconds}-{sequence + 1}", approximate=False
    )


def _key_names(shard: int) -> list[str]:
    return [keys.EVENTS.name(shard=shard), keys.EVENTS_STREAM_ID.name(shard=shard)]


def _raw_pipeline() -> Any:
    """Return a pipeline that does not convert replies: making a dictionary of each entry doubles the time of a read."""
    pipe = state_redis().pipeline()
    pipe.response_callbacks = CaseInsensitiveDict({})
    return pipe


def _queue_state(pipe: Any, shard: int, after: str, count: int) -> None:
    stream, stream_id = _key_names(shard)
    pipe.get(stream_id)
    pipe.xinfo_stream(stream)
    pipe.xrange(stream, min=f"({after}", count=count)
    pipe.lrange(keys.EVENTS_SERVERS.name(shard=shard), 0, -1)


def _parse_state(replies: Sequence[Any]) -> StreamState:
    """Parse the replies to the commands of `_queue_state`. XINFO replies with an error if there is no stream."""
    stream_id, info, entries, servers = replies
    for reply in (stream_id, entries, servers):
        if isinstance(reply, Exception):
            raise reply
    if isinstance(info, Exception):
        return StreamState(None, 0, STREAM_START, None)
    fields = dict(zip(info[::2], info[1::2], strict=True))
    oldest_unread_id = entries[0][0].decode() if entries else None
    return StreamState(
        stream_id=stream_id.decode() if stream_id else "",
        entries_added=int(fields[b"entries-added"]),
        last_id=fields[b"last-generated-id"].decode(),
        oldest_unread_id=oldest_unread_id,
        servers=tuple(server for raw in servers if (server := Server.parsed(raw))),
    )
