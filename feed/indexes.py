"""Indexes in Redis: sorted sets in generations, and the pointer to the generation that readers use.

All indexes of a rebuild share a generation and one pointer, so no reader mixes two generations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.client import Pipeline

from core.codecs import decode
from core.redis.client import state_redis
from core.redis.reads import Read
from core.units import HOUR
from feed import keys, recipe

Entries = list[tuple[str, float]]  # (item id, score), best first

TRENDING: Final = "trending"
UNFINISHED_TTL: Final = HOUR  # after which a generation expires if its builder died
_TRIM_INTERVAL: Final = 10  # batches written between two trims


def genre_index(slug: str) -> str:
    return f"genre:{slug}"


@dataclass(frozen=True, slots=True)
class IndexPointer:
    """The generation that readers use.

    `sizes` maps index name → number of items, `genres` genre slug → name. `built_at` is epoch seconds.
    `older_generations` can be rolled back to.
    """

    generation: int
    built_at: int
    sizes: Mapping[str, int]
    genres: Mapping[str, str]
    older_generations: tuple[int, ...] = ()

    def packed(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def unpacked(cls, raw: bytes | None) -> "IndexPointer | None":
        """Return a stored pointer, None if it is unreadable or absent."""
        return decode(cls, raw)


def key(generation: int, name: str) -> str:
    return keys.INDEX.name(generation=generation, name=name)


def read_pointer() -> Read[IndexPointer | None]:
    """Return a read of the index pointer; None if no index was built, Redis lost the pointer, or it is unreadable."""
    return Read(lambda pipe: pipe.get(keys.INDEX_POINTER.name()), IndexPointer.unpacked)


def get_pointer() -> IndexPointer | None:
    """Return the index pointer, as `read_pointer`. Cost: 1 round trip."""
    return read_pointer().fetch(state_redis())


def read_top(generation: int, limits: Mapping[str, int]) -> Read[list[Entries]]:
    """Return a read of the first entries of indexes; `limits` maps an index's name to the number of entries.

    The value has the entries of each index, in the order of `limits`. Entries of equal score are in descending order of
    id, as in Redis.
    """

    def queue(pipe: Pipeline) -> None:
        for name, limit in limits.items():
            pipe.zrange(key(generation, name), 0, limit - 1, desc=True, withscores=True)

    return Read(queue, lambda *replies: [_decode_entries(reply) for reply in replies])


def get_top(generation: int, name: str, limit: int) -> Entries:
    """Return the first entries of an index, as `read_top`. Cost: 1 round trip."""
    [top] = read_top(generation, {name: limit}).fetch(state_redis())
    return top


def get_rank(generation: int, name: str, item: str) -> tuple[int, float] | None:
    """Return an item's rank in an index, from 1, and its score; None if it is not there. Cost: 1 round trip."""
    pipe = state_redis().pipeline()
    pipe.zrevrank(key(generation, name), item)
    pipe.zscore(key(generation, name), item)
    rank, score = pipe.execute()
    return None if rank is None or score is None else (rank + 1, score)


class GenerationWriter:
    """Writes one generation in batches. Readers see nothing of it before `publish`."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.names: set[str] = set()
        self._batches = 0

    def add(self, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Add index name → item id → score. Cost: 1 round trip. An index exceeds its cap by a few batches at most."""
        pipe = state_redis().pipeline()
        for name, entries in scores.items():
            if name not in self.names:  # after a restore from a backup, generation numbers repeat
                pipe.unlink(key(self.generation, name))
            pipe.zadd(key(self.generation, name), dict(entries))
            if name not in self.names:
                pipe.expire(key(self.generation, name), UNFINISHED_TTL)
        self.names |= scores.keys()
        self._batches += 1
        if self._batches % _TRIM_INTERVAL == 0:
            self._queue_trim(pipe)
        pipe.execute()

    def finish(self) -> dict[str, int]:
        """Trim all indexes to the cap and return their sizes by name. Cost: 1 round trip."""
        pipe = state_redis().pipeline()
        self._queue_trim(pipe)
        names = sorted(self.names)
        for name in names:
            pipe.zcard(key(self.generation, name))
        sizes = pipe.execute()[len(names) :]
        return dict(zip(names, sizes, strict=True))

    def _queue_trim(self, pipe: Any) -> None:
        for name in sorted(self.names):
            pipe.zremrangebyrank(key(self.generation, name), 0, -(recipe.MAX_INDEX_ITEMS + 1))


def publish(pointer: IndexPointer) -> None:
    """Make a generation the current one: remove its TTL, then move the pointer. Cost: 2 round trips."""
    pipe = state_redis().pipeline()
    for name in pointer.sizes:
        pipe.persist(key(pointer.generation, name))
    pipe.execute()
    state_redis().set(keys.INDEX_POINTER.name(), pointer.packed())


def delete_generation(generation: int, names: Iterable[str]) -> None:
    """Delete a generation's keys without blocking the server (UNLINK). Cost: 1 round trip."""
    pipe = state_redis().pipeline()
    for name in names:
        pipe.unlink(key(generation, name))
    pipe.execute()


def _decode_entries(raw: Sequence[tuple[bytes, float]]) -> Entries:
    return [(item.decode(errors="replace"), score) for item, score in raw]
