"""Personalized: the first items of the indexes of the viewer's genres."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from activity.types import Profile
from core.redis.reads import Read
from feed import indexes, recipe
from feed.indexes import Entries, IndexPointer
from feed.sources import PERSONALIZED
from feed.sources.base import RecallRequest, clamp, is_index_exhausted
from feed.types import Candidate, Pool


class GenreRead(NamedTuple):
    """The viewer's affinity to a genre, and the number of entries that are read from its index."""

    affinity: float
    limit: int


def get_affinities(viewer: Profile) -> dict[str, float]:
    """Return genre → affinity: learned, and at least `CHOSEN_AFFINITY` for a genre that the viewer picked."""
    chosen = dict.fromkeys(viewer.genres, recipe.CHOSEN_AFFINITY)
    learned = {genre: value for genre, value in viewer.affinities.items() if value > chosen.get(genre, 0.0)}
    return chosen | learned


def read(request: RecallRequest) -> Read[Pool]:
    """Return a read of the indexes of the genres that the viewer likes most, or of default genres."""
    pointer = request.index_pointer
    if pointer is None:
        return Read(lambda pipe: None, lambda: Pool(PERSONALIZED.name))
    affinities = get_affinities(request.viewer)
    genres = select_genres(affinities, pointer, depth=request.depth)
    reason = "Because you like" if affinities else "Popular in"
    reasons = {genre: f"{reason} {pointer.genres.get(genre, genre)}" for genre in genres}
    limits = {indexes.genre_index(genre): plan.limit for genre, plan in genres.items()}
    top = indexes.read_top(pointer.generation, limits)
    return top.map(lambda found: _make_pool(genres, reasons, found))


def select_genres(
    affinities: Mapping[str, float], pointer: IndexPointer, *, depth: int
) -> dict[str, GenreRead]:
    """Return the genres to read, the viewer's favourite first, each with entries in proportion to its affinity."""
    liked = affinities or dict.fromkeys(recipe.DEFAULT_GENRES, recipe.CHOSEN_AFFINITY)
    indexed = [
        (genre, affinity)
        for genre, affinity in liked.items()
        if affinity > 0 and indexes.genre_index(genre) in pointer.sizes
    ]
    favourites = sorted(indexed, key=lambda pair: (-pair[1], pair[0]))[: recipe.MAX_GENRES_READ]
    total = sum(affinity for _, affinity in favourites)
    return {
        genre: GenreRead(
            affinity,
            min(int(PERSONALIZED.fetch_limit * affinity / total) + depth + 1, recipe.MAX_INDEX_ITEMS),
        )
        for genre, affinity in favourites
    }


def _make_pool(genres: Mapping[str, GenreRead], reasons: Mapping[str, str], tops: Sequence[Entries]) -> Pool:
    """Merge the genres' entries: an item counts for the genre that gives it the highest affinity times score."""
    best: dict[str, tuple[float, float, str]] = {}  # item → (weight, score, reason)
    exhausted = True
    for (genre, (affinity, limit)), found in zip(genres.items(), tops, strict=True):
        exhausted = exhausted and is_index_exhausted(len(found), limit)
        reason = reasons[genre]
        for item, score in found:
            weight = affinity * score
            if item not in best or weight > best[item][0]:
                best[item] = (weight, score, reason)
    ranked = sorted((-weight, item, score, reason) for item, (weight, score, reason) in best.items())
    candidates = tuple(Candidate(item, clamp(score), reason) for _, item, score, reason in ranked)
    return Pool(PERSONALIZED.name, candidates, exhausted)
