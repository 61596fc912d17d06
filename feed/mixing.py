"""Mixing: which source owns which slot, and the order of slots. Interleave, shuffle by hash, diversify. Pure."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from typing import TypeVar

from feed.types import TitleAndGenre

T = TypeVar("T")


@cache
def share_pattern(shares: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """Return one period of the weighted interleave: as many slots as the shares' sum, each owned by a source.

    Each slot goes to the source that is furthest behind its share (largest deficit, integers only; on a tie to the
    first named). This is the quota rule of apportionment: with three shares, no prefix deviates from them by a whole
    slot. A property test holds this for all small shares.
    """
    total = sum(share for _, share in shares)
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
    fallbacks: Mapping[str, Sequence[str]],
    start: int,
    size: int,
) -> list[tuple[str, T]]:
    """Return up to `size` (source, value) pairs for the positions from `start` on.

    The position is the only state, so a chunk begins where the last one ended. The slots of an exhausted source go to
    its fallbacks, in their order; fewer than `size` pairs mean that all of these are exhausted.
    """
    pattern = share_pattern(tuple(shares.items()))
    taken = dict.fromkeys(shares, 0)
    mixed: list[tuple[str, T]] = []
    for position in range(start, start + size):
        owner = pattern[position % len(pattern)]
        for name in (owner, *fallbacks[owner]):
            queue = queues.get(name, ())
            if taken[name] < len(queue):
                mixed.append((name, queue[taken[name]]))
                taken[name] += 1
                break
        else:
            break
    return mixed


def shuffle_key(seed: str, item_id: str) -> bytes:
    """Return an item's sort key in a shuffle. It depends on the seed and the id, never on other candidates."""
    return blake2b(f"{seed}:{item_id}".encode(), digest_size=8).digest()


def shuffle_tiers(ids: Sequence[str], *, seed: str, tier: int) -> list[str]:
    """Shuffle each run of `tier` consecutive ranks among itself, by hash."""
    shuffled: list[str] = []
    for begin in range(0, len(ids), tier):
        shuffled += sorted(ids[begin : begin + tier], key=lambda i: (shuffle_key(seed, i), i))
    return shuffled


def diversify(
    slots: Sequence[tuple[str, str]],
    *,
    titles_and_genres: Mapping[str, TitleAndGenre],
    preceding: Sequence[TitleAndGenre],
    window: int,
    max_per_genre: int,
    max_displacement: int,
) -> list[tuple[str, str]]:
    """Separate neighbours of one title, and break up runs of one primary genre, within each source's slots.

    `slots` are (source, item id); `preceding` are the slots just before them. In a window of `window` slots a genre
    should not occur more than `max_per_genre` times. An item that breaks a rule is swapped with the nearest item of
    its source, at most `max_displacement` slots further, that does not; without such an item it stays. Shares do not
    change, because both items are of one source.
    """
    arranged = list(slots)
    titles = [title for title, _ in preceding]
    genres = [genre for _, genre in preceding]
    for position, (source, item_id) in enumerate(arranged):
        last_title, saturated = titles[-1:], _saturated_genres(genres[-(window - 1) :], max_per_genre)
        title, genre = titles_and_genres[item_id]
        if title in last_title or genre in saturated:
            for other in range(position + 1, min(position + 1 + max_displacement, len(arranged))):
                candidate = arranged[other]
                if candidate[0] != source:
                    continue
                kind = titles_and_genres[candidate[1]]
                if kind[0] not in last_title and kind[1] not in saturated:
                    arranged[position], arranged[other] = candidate, arranged[position]
                    title, genre = kind
                    break
        titles.append(title)
        genres.append(genre)
    return arranged


def _saturated_genres(recent: Sequence[str | None], max_per_genre: int) -> list[str]:
    """Return the primary genres that the window already has `max_per_genre` times."""
    return [genre for genre in recent if genre is not None and recent.count(genre) >= max_per_genre]
