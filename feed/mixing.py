"""Who owns which slot, and what order it takes: interleave, shuffle by hash, diversity. Pure."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


@cache
def pattern(shares: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """One period of the weighted interleave: as many slots as the shares' sum, each owned by a source.

    Each slot goes to the source furthest behind its due (largest deficit, integers only; the first named
    wins a tie). This is the quota rule of apportionment: no prefix strays a whole slot from its due while
    the shares are three (held by a property test over all small shares).
    """
    total = sum(weight for _, weight in shares)
    given = dict.fromkeys((name for name, _ in shares), 0)
    owners = []
    for position in range(1, total + 1):
        name, _ = max(shares, key=lambda share: share[1] * position - given[share[0]] * total)
        given[name] += 1
        owners.append(name)
    return tuple(owners)


def interleave(
    queues: Mapping[str, Sequence[T]],
    *,
    shares: Mapping[str, int],
    heirs: Mapping[str, Sequence[str]],
    start: int,
    size: int,
) -> list[tuple[str, T]]:
    """Up to `size` (source, value) pairs for the positions from `start` on.

    The only state is the position, so a chunk begins where the last one ended. A source with nothing
    left passes its slots to its heirs in order; fewer than `size` come back only when all are dry.
    """
    period = pattern(tuple(shares.items()))
    taken = dict.fromkeys(shares, 0)
    mixed: list[tuple[str, T]] = []
    for position in range(start, start + size):
        owner = period[position % len(period)]
        for name in (owner, *heirs[owner]):
            queue = queues.get(name, ())
            if taken[name] < len(queue):
                mixed.append((name, queue[taken[name]]))
                taken[name] += 1
                break
        else:
            break
    return mixed


def lot(seed: str, item_id: str) -> bytes:
    """An item's lot: depends on the seed and its id alone, never on the other candidates."""
    return blake2b(f"{seed}:{item_id}".encode(), digest_size=8).digest()


def shuffle_tiers(ids: Sequence[str], *, seed: str, tier: int) -> list[str]:
    """Shuffle each run of `tier` consecutive ranks among itself, by lot."""
    shuffled: list[str] = []
    for begin in range(0, len(ids), tier):
        shuffled += sorted(ids[begin : begin + tier], key=lambda i: (lot(seed, i), i))
    return shuffled


def diversify(
    slots: Sequence[tuple[str, str]],
    *,
    kinds: Mapping[str, tuple[str, str | None]],
    tail: Sequence[tuple[str, str | None]],
    window: int,
    most: int,
    reach: int,
) -> list[tuple[str, str]]:
    """Part neighbours of one title, and break up runs of one primary genre, within a source's own slots.

    `slots` are (source, id), `kinds` maps an id to (title, primary genre), `tail` are the kinds just
    before. A slot that offends takes the nearest item of its source, at most `reach` slots on, that does
    not; if none is there it stays. Shares are untouched: a swap never leaves a source.
    """
    arranged = list(slots)
    titles = [title for title, _ in tail]
    genres = [genre for _, genre in tail]
    for position, (source, item_id) in enumerate(arranged):
        last, full = titles[-1:], _full(genres[-(window - 1) :], most)
        title, genre = kinds[item_id]
        if title in last or genre in full:
            for other in range(position + 1, min(position + 1 + reach, len(arranged))):
                there = arranged[other]
                if there[0] != source:
                    continue
                nearby = kinds[there[1]]
                if nearby[0] not in last and nearby[1] not in full:
                    arranged[position], arranged[other] = there, arranged[position]
                    title, genre = nearby
                    break
        titles.append(title)
        genres.append(genre)
    return arranged


def _full(recent: Sequence[str | None], most: int) -> list[str]:
    """The primary genres of which a window has `most` already."""
    return [genre for genre in recent if genre is not None and recent.count(genre) >= most]
