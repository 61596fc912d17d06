"""Hot timelines: the one module that touches these sorted sets.

A member is `<author>NUL<title>`, its score is `at · 64 + deeds`: what was done (status 2 bits,
favourite 1, rating 3) rides in the low bits, so that setting a row is one blind ZADD whatever it
was before. Times stay exact: 2³¹ · 64 is far below 2⁵³.

A timeline is loaded when its key exists. The empty member keeps an empty one alive, and its score is
the timeline's floor: rows below it are not kept here, because older ones were cut off (the newest rows
are read from the store, CAP are kept). So a timeline holds every row of its viewer from its floor on.

Nobody writes to a timeline that is not loaded, but every write cancels a load under way (it may have
read the store a moment too early), and the loader then reads again.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.client import Pipeline

from activity import keys
from activity.types import STATUSES, Relation, TimelineRow
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.script import Script

MAX_ROWS: Final = 400
MAX_DURABLE_ROWS: Final = 400  # of the durable timeline behind it; older ones are swept
MAX_LOAD_ATTEMPTS: Final = 3
_STATUS_CODES: Final = (None, *STATUSES)

# Sets a row of a loaded timeline, unless it lies below the floor; cuts the oldest ones off, raising the floor.
_SET_ROW = """
local function set(timeline, score, member)
  if tonumber(score) < tonumber(redis.call('ZSCORE', timeline, '')) then
    redis.call('ZREM', timeline, member)
  else
    redis.call('ZADD', timeline, score, member)
  end
end
local function cut(timeline, cap)
  local surplus = redis.call('ZCARD', timeline) - 1 - tonumber(cap)
  if surplus > 0 then
    local last = redis.call('ZRANGE', timeline, surplus, surplus, 'WITHSCORES')
    redis.call('ZREMRANGEBYRANK', timeline, 1, surplus)
    redis.call('ZADD', timeline, last[2], '')
  end
end
"""

# KEYS: timeline, load of each viewer. ARGV: cap, member, score (empty: remove).
_DELIVER = Script(
    _SET_ROW
    + """
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i + 1])
  if ARGV[3] == '' then
    redis.call('ZREM', KEYS[i], ARGV[2])
  elseif redis.call('EXISTS', KEYS[i]) == 1 then
    set(KEYS[i], ARGV[3], ARGV[2])
    cut(KEYS[i], ARGV[1])
  end
end
"""
)

# KEYS: timeline, load. ARGV: cap, number of rows, member, score …, members to remove …
_MERGE = Script(
    _SET_ROW
    + """
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 0 then return end
local rows = tonumber(ARGV[2])
for i = 3, 2 + 2 * rows, 2 do set(KEYS[1], ARGV[i + 1], ARGV[i]) end
for i = 3 + 2 * rows, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
cut(KEYS[1], ARGV[1])
"""
)

# KEYS: timeline, load. ARGV: token, ttl, member, score … Keeps what was loaded unless a write came between.
_STORE_IF_UNCHANGED = Script("""
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
""")

# KEYS: timeline, load. ARGV: author and its separator. Removes all that came from one person.
_PURGE = Script("""
redis.call('DEL', KEYS[2])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(member, 1, #ARGV[1]) == ARGV[1] then redis.call('ZREM', KEYS[1], member) end
end
return 1
""")


def key(uid: str) -> str:
    return keys.TIMELINE.name(viewer=uid)


def read(*names: str) -> Read[list[list[TimelineRow] | None]]:
    """Return a read of whole timelines by key: rows newest first, without names; None for one that is not loaded."""

    def queue(pipe: Pipeline) -> None:
        for name in names:
            pipe.zrange(name, 0, -1, desc=True, withscores=True)

    return Read(queue, lambda *replies: [_decode(reply) for reply in replies])


def _decode(raw: Sequence[tuple[bytes, float]]) -> list[TimelineRow] | None:
    if not raw:
        return None
    return [_row(member, score) for member, score in raw if member]


def set_row(viewers: Sequence[str], row: TimelineRow, relation: Relation) -> None:
    """Set (or, for an empty relation, remove) a row on every loaded timeline. One script call."""
    if viewers:
        names = [name for viewer in viewers for name in (key(viewer), _load_key(viewer))]
        score = "" if relation.is_empty else _score(row)
        _DELIVER.run(state_redis(), keys=names, args=[MAX_ROWS, _member(row.author, row.title), score])


def update_rows(viewer: str, rows: Sequence[TimelineRow], *, without: Sequence[tuple[str, str]] = ()) -> None:
    """Set rows and remove (author, title) ones on one timeline, if it is loaded. One script call."""
    args: list[Any] = [MAX_ROWS, len(rows)]
    for row in rows:
        args += [_member(row.author, row.title), _score(row)]
    args += [_member(author, title) for author, title in without]
    _MERGE.run(state_redis(), keys=[key(viewer), _load_key(viewer)], args=args)


def remove_author(viewer: str, author: str) -> None:
    """Remove all that came from one person. One script call."""
    _PURGE.run(state_redis(), keys=[key(viewer), _load_key(viewer)], args=[f"{author}\0"])


def remove_author_from_all(viewers: Sequence[str], author: str) -> None:
    """`remove_author` for many viewers. Cost: 2 waits."""
    pipe = state_redis().pipeline()
    for viewer in viewers:
        _PURGE.run(pipe, keys=[key(viewer), _load_key(viewer)], args=[f"{author}\0"])
    pipe.execute()


def invalidate(viewer: str) -> None:
    """Unload a timeline; the next reader loads it. Cost: 1 wait."""
    state_redis().delete(key(viewer), _load_key(viewer))


def load(viewer: str, read: Callable[[], list[TimelineRow]], *, limit: int) -> list[TimelineRow]:
    """Read the newest `limit` rows from the store and keep them hot.

    A write that comes between is not lost: the store is read again, and after LOAD_TRIES the rows are
    answered without being kept. Cost: 2 waits and 1 store call a try.
    """
    rows: list[TimelineRow] = []
    for _ in range(MAX_LOAD_ATTEMPTS):
        token = secrets.token_hex(8)
        state_redis().set(_load_key(viewer), token, ex=keys.TIMELINE_LOAD.ttl)
        rows = read()
        if _store_loaded(viewer, token, rows, floor=rows[-1].at * 64 if len(rows) >= limit else 0):
            break
    return rows


def _store_loaded(viewer: str, token: str, rows: Sequence[TimelineRow], *, floor: int) -> bool:
    args: list[Any] = [token, keys.TIMELINE.ttl, "", floor]
    for row in rows:
        args += [_member(row.author, row.title), _score(row)]
    return bool(_STORE_IF_UNCHANGED.run(state_redis(), keys=[key(viewer), _load_key(viewer)], args=args))


def encode_row(row: TimelineRow) -> tuple[str, int]:
    """(member, score) of a row, for the other sorted set of this form (a many-follower account's own)."""
    return _member(row.author, row.title), _score(row)


def _load_key(uid: str) -> str:
    return keys.TIMELINE_LOAD.name(viewer=uid)


def _member(author: str, title: str) -> str:
    return f"{author}\0{title}"


def _score(row: TimelineRow) -> int:
    deeds = _STATUS_CODES.index(row.status) << 4 | int(row.favorite) << 3 | (row.rating or 0)
    return row.at * 64 + deeds


def _row(member: bytes, score: float) -> TimelineRow:
    author, _, title = member.decode().partition("\0")
    at, deeds = divmod(int(score), 64)
    return TimelineRow(
        author=author,
        title=title,
        at=at,
        status=_STATUS_CODES[deeds >> 4],
        favorite=bool(deeds >> 3 & 1),
        rating=deeds & 7 or None,
    )
