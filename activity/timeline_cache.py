"""Cached timelines. No other module touches these sorted sets.

A member is `<author>NUL<title>`. Its score is `at * 64 + relation bits` (status 2 bits, favourite 1, rating 3).
The low bits hold the relation, so setting a row is one ZADD that needs no read. Times stay exact, because 2^31 * 64 is
far below 2^53.

Two members are not rows. The empty member exists in every loaded timeline, so that an empty one has a key too. Its
score is the timeline's floor: rows below it are not cached, because older ones were trimmed (the newest rows are loaded
from the store, and MAX_ROWS are kept). So a timeline has every row of its viewer from its floor on.

The member with the highest score is the stamp of the Redis server that the timeline was loaded on. A timeline with
another stamp is not loaded: it may lack the last rows, because Redis was restarted or replaced (`core.redis.run_ids`).
Writes still reach it, and the next reader replaces it.

Writes skip a timeline that is not loaded. But every write cancels a load in progress, which may have read the store
before the write, and the loader then reads again.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from redis.client import Pipeline

from activity import keys
from activity.types import Relation, TimelineRow
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.run_ids import get_stamp
from core.redis.script import Script
from core.units import LATEST_TIME

MAX_ROWS: Final = 400
MAX_DURABLE_ROWS: Final = 400  # of the durable timeline; deliveries and rebuilds trim older ones
MAX_LOAD_ATTEMPTS: Final = 3
# Redis stores these numbers in the scores of cached timelines, so never renumber a status.
_STATUS_CODES: Final[Mapping[str | None, int]] = {None: 0, "watching": 1, "watchlist": 2, "finished": 3}
_STATUSES_BY_CODE: Final = {code: status for status, code in _STATUS_CODES.items()}
STAMP_SCORE: Final = 64 * LATEST_TIME  # above that of every row

# `set` sets a row of a loaded timeline, unless it lies below the floor. `trim` removes the oldest surplus rows and
# raises the floor.
_SET_ROW = """
local function set(timeline, score, member)
  if tonumber(score) < tonumber(redis.call('ZSCORE', timeline, '')) then
    redis.call('ZREM', timeline, member)
  else
    redis.call('ZADD', timeline, score, member)
  end
end
local function trim(timeline, max_rows)
  local surplus = redis.call('ZCARD', timeline) - 2 - tonumber(max_rows)
  if surplus > 0 then
    local last = redis.call('ZRANGE', timeline, surplus, surplus, 'WITHSCORES')
    redis.call('ZREMRANGEBYRANK', timeline, 1, surplus)
    redis.call('ZADD', timeline, last[2], '')
  end
end
"""

# KEYS: timeline and load of each viewer. ARGV: maximum of rows, member, score (empty: remove the member).
_DELIVER = Script(
    _SET_ROW
    + """
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i + 1])
  if ARGV[3] == '' then
    redis.call('ZREM', KEYS[i], ARGV[2])
  elseif redis.call('EXISTS', KEYS[i]) == 1 then
    set(KEYS[i], ARGV[3], ARGV[2])
    trim(KEYS[i], ARGV[1])
  end
end
"""
)

# KEYS: timeline, load. ARGV: maximum of rows, number of rows, member, score …, members to remove …
_UPDATE = Script(
    _SET_ROW
    + """
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 0 then return end
local rows = tonumber(ARGV[2])
for i = 3, 2 + 2 * rows, 2 do set(KEYS[1], ARGV[i + 1], ARGV[i]) end
for i = 3 + 2 * rows, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
trim(KEYS[1], ARGV[1])
"""
)

# KEYS: timeline, load. ARGV: token, TTL, member, score … Stores the loaded rows unless a write deleted the token.
_STORE_IF_UNCHANGED = Script("""
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
""")

# KEYS: timeline, load. ARGV: author and separator. Removes all rows of one author.
_REMOVE_AUTHOR = Script("""
redis.call('DEL', KEYS[2])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(member, 1, #ARGV[1]) == ARGV[1] then redis.call('ZREM', KEYS[1], member) end
end
return 1
""")


def key(uid: str) -> str:
    """Return the key of a viewer's cached timeline."""
    return keys.TIMELINE.name(viewer=uid)


def read(*names: str) -> Read[list[list[TimelineRow] | None]]:
    """Return a read of whole timelines by key: rows newest first, without names; None for one that is not loaded."""

    def queue(pipe: Pipeline) -> None:
        for name in names:
            pipe.zrange(name, 0, -1, desc=True, withscores=True)

    return Read(queue, lambda *replies: [_decode(reply) for reply in replies])


def set_row(viewers: Sequence[str], row: TimelineRow, relation: Relation) -> None:
    """Set a row on every loaded timeline of `viewers`; remove it if the relation is empty. Cost: 1 script call."""
    if viewers:
        names = [name for viewer in viewers for name in (key(viewer), _load_key(viewer))]
        score = "" if relation.is_empty else _score(row)
        _DELIVER.run(state_redis(), keys=names, args=[MAX_ROWS, _member(row.author, row.title), score])


def update_rows(viewer: str, rows: Sequence[TimelineRow], *, remove: Sequence[tuple[str, str]] = ()) -> None:
    """Set rows and remove (author, title) rows on one timeline, if it is loaded. Cost: 1 script call."""
    args: list[Any] = [MAX_ROWS, len(rows)]
    for row in rows:
        args += [_member(row.author, row.title), _score(row)]
    args += [_member(author, title) for author, title in remove]
    _UPDATE.run(state_redis(), keys=[key(viewer), _load_key(viewer)], args=args)


def remove_author(viewer: str, author: str) -> None:
    """Remove all rows of one author. Cost: 1 script call."""
    _REMOVE_AUTHOR.run(state_redis(), keys=[key(viewer), _load_key(viewer)], args=[f"{author}\0"])


def remove_author_from_all(viewers: Sequence[str], author: str) -> None:
    """Remove all rows of one author from many timelines. Cost: 2 round trips."""
    pipe = state_redis().pipeline()
    for viewer in viewers:
        _REMOVE_AUTHOR.run(pipe, keys=[key(viewer), _load_key(viewer)], args=[f"{author}\0"])
    pipe.execute()


def invalidate(viewer: str) -> None:
    """Delete a cached timeline, so that the next reader loads it. Cost: 1 round trip."""
    state_redis().delete(key(viewer), _load_key(viewer))


def load(viewer: str, read: Callable[[], list[TimelineRow]], *, limit: int) -> list[TimelineRow]:
    """Load the newest `limit` rows with `read`, cache them and return them.

    If a write comes between, `read` is called again. After MAX_LOAD_ATTEMPTS the rows are returned uncached.
    Cost: 2 round trips and 1 store call an attempt.
    """
    rows: list[TimelineRow] = []
    for _ in range(MAX_LOAD_ATTEMPTS):
        token = secrets.token_hex(8)
        state_redis().set(_load_key(viewer), token, ex=keys.TIMELINE_LOAD.ttl)
        rows = read()
        if _store_loaded(viewer, token, rows, floor=rows[-1].at * 64 if len(rows) >= limit else 0):
            break
    return rows


def make_stamp() -> str:
    """Return the member that marks a sorted set as written on the current server. No uid or item id equals it."""
    return f"\0{get_stamp(state_redis())}"


def encode_row(row: TimelineRow) -> tuple[str, int]:
    """Return (member, score) of a row, for the list of a pull-delivered account, which has the same format."""
    return _member(row.author, row.title), _score(row)


def _store_loaded(viewer: str, token: str, rows: Sequence[TimelineRow], *, floor: int) -> bool:
    args: list[Any] = [token, keys.TIMELINE.ttl, "", floor, make_stamp(), STAMP_SCORE]
    for row in rows:
        args += [_member(row.author, row.title), _score(row)]
    return bool(_STORE_IF_UNCHANGED.run(state_redis(), keys=[key(viewer), _load_key(viewer)], args=args))


def _load_key(uid: str) -> str:
    return keys.TIMELINE_LOAD.name(viewer=uid)


def _member(author: str, title: str) -> str:
    return f"{author}\0{title}"


def _score(row: TimelineRow) -> int:
    relation_bits = _STATUS_CODES[row.status] << 4 | int(row.favorite) << 3 | (row.rating or 0)
    return row.at * 64 + relation_bits


def _decode(raw: Sequence[tuple[bytes, float]]) -> list[TimelineRow] | None:
    if not raw or raw[0][0] != make_stamp().encode():
        return None
    rows = (decode_row(member, score) for member, score in raw[1:] if member)
    return [row for row in rows if row is not None]


def decode_row(member: bytes, score: float) -> TimelineRow | None:
    """Return the row of a member and its score, None if it is unreadable."""
    author, _, title = member.decode(errors="replace").partition("\0")
    if not title or "\0" in title or not 0 <= score < 64 * LATEST_TIME:
        return None
    at, relation_bits = divmod(int(score), 64)
    rating = relation_bits & 7
    return TimelineRow(
        author=author,
        title=title,
        at=at,
        status=_STATUSES_BY_CODE[relation_bits >> 4],
        favorite=bool(relation_bits >> 3 & 1),
        rating=rating if 1 <= rating <= 5 else None,
    )
