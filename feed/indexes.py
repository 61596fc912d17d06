"""Indexes in Redis: sorted sets in generations, and the one pointer that readers follow.

All indexes of a rebuild share a generation and one pointer, so no reader ever mixes two.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.client import Pipeline

from core.redis.client import state_redis
from core.redis.reads import Read
from core.units import HOUR
from feed import keys, recipe

Top = list[tuple[str, float]]

TRENDING: Final = "trending"
UNFINISHED_TTL: Final = HOUR  # a generation whose builder died goes by itself
_TRIM_EVERY: Final = 10  # batches written between two trims


def genre_index(slug: str) -> str:
    return f"genre:{slug}"


@dataclass(frozen=True, slots=True)
class Current:
    """The pointer: the generation that readers use. `sizes` has every index by name, `genres` slug → name.

    `built_at` is epoch seconds. `kept` are the older generations still there for rollback.
    """

    generation: int
    built_at: int
    sizes: Mapping[str, int]
    genres: Mapping[str, str]
    kept: tuple[int, ...] = ()

    def packed(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def unpacked(cls, raw: bytes | None) -> "Current | None":
        if raw is None:
            return None
        body = orjson.loads(raw)
        return cls(**{**body, "kept": tuple(body["kept"])})


def key(generation: int, name: str) -> str:
    return keys.INDEX.name(generation=generation, name=name)


def current() -> Current | None:
    """The pointer, None if nothing was ever built or Redis was emptied. Cost: 1 wait."""
    return read_pointer().fetch(state_redis())


def read_pointer() -> Read[Current | None]:
    """Return a read of the index pointer; None if there is no index."""
    return Read(lambda pipe: pipe.get(keys.INDEX_CURRENT.name()), Current.unpacked)


def read_top(generation: int, counts: Mapping[str, int]) -> Read[list[Top]]:
    """Return a read of the first entries of indexes: `counts` maps an index's name to the number of entries.

    The value has one list per index, in the order of `counts`: (item id, score), best first. Entries of equal score
    are in descending order of id, as in Redis.
    """

    def queue(pipe: Pipeline) -> None:
        for name, count in counts.items():
            pipe.zrange(key(generation, name), 0, count - 1, desc=True, withscores=True)

    return Read(queue, lambda *replies: [_decode_top(reply) for reply in replies])


def head(generation: int, name: str, count: int) -> Top:
    """The first `count` entries of an index. Cost: 1 wait."""
    [top] = read_top(generation, {name: count}).fetch(state_redis())
    return top


def _decode_top(raw: Sequence[tuple[bytes, float]]) -> Top:
    return [(item.decode(), score) for item, score in raw]


def place(generation: int, name: str, item: str) -> tuple[int, float] | None:
    """An item's place in an index, the first being 1, and its score there; None if it is not in it. Cost: 1 wait."""
    pipe = state_redis().pipeline()
    pipe.zrevrank(key(generation, name), item)
    pipe.zscore(key(generation, name), item)
    rank, score = pipe.execute()
    return None if rank is None or score is None else (rank + 1, score)


class Writer:
    """Writes one generation, batch by batch; what it wrote is invisible until `point_to`."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.names: set[str] = set()
        self._batches = 0

    def add(self, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Add index name → item id → score. Cost: 1 wait. Keys stay below the cap and one batch's surplus."""
        pipe = state_redis().pipeline()
        for name, entries in scores.items():
            if name not in self.names:  # a database restored from a backup counts generations again
                pipe.unlink(key(self.generation, name))
            pipe.zadd(key(self.generation, name), dict(entries))
            if name not in self.names:
                pipe.expire(key(self.generation, name), UNFINISHED_TTL)
        self.names |= scores.keys()
        self._batches += 1
        if self._batches % _TRIM_EVERY == 0:
            self._queue_trim(pipe)
        pipe.execute()

    def finish(self) -> dict[str, int]:
        """Trim to the cap; the size of every index written. Cost: 1 wait."""
        pipe = state_redis().pipeline()
        self._queue_trim(pipe)
        names = sorted(self.names)
        for name in names:
            pipe.zcard(key(self.generation, name))
        sizes = pipe.execute()[len(names) :]
        return dict(zip(names, sizes, strict=True))

    def _queue_trim(self, pipe: Any) -> None:
        for name in sorted(self.names):
            pipe.zremrangebyrank(key(self.generation, name), 0, -(recipe.INDEX_CAP + 1))


def point_to(pointer: Current) -> None:
    """Make a generation the current one: first its keys are kept for good, then the pointer moves. Cost: 2 waits."""
    pipe = state_redis().pipeline()
    for name in pointer.sizes:
        pipe.persist(key(pointer.generation, name))
    pipe.execute()
    state_redis().set(keys.INDEX_CURRENT.name(), pointer.packed())


def drop(generation: int, names: Iterable[str]) -> None:
    """Free a generation's keys without stalling the server (UNLINK). Cost: 1 wait."""
    pipe = state_redis().pipeline()
    for name in names:
        pipe.unlink(key(generation, name))
    pipe.execute()
