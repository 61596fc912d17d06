"""Affinity sums and affinities.

What events contribute decays by half in 30 days, and the result must not depend on the order in which events arrive.
So a stored sum is never made smaller: later contributions count for more instead (*forward decay*; Cormode and
others, 2009). A contribution is multiplied by how much the scale has grown from a fixed day to its own moment. Sums
of such products need no date. Dividing a sum by the scale of a moment gives what is left of it at that moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from activity.types import AFFINITY_GAIN_FIELDS
from core.units import DAY

# The sum at which a genre's affinity is one half: three titles liked in full.
HALF_SATURATION: Final = 3.0
HALF_LIFE_SECONDS: Final = 30 * DAY
# 2026-01-01. Every stored sum counts from this day, so it can never change. A float holds the scale until 2110.
DECAY_EPOCH: Final = 1_767_225_600
# The weights of a title's first, second and third genre.
GENRE_POSITION_WEIGHTS: Final = (1.0, 0.5, 0.33)


def split_by_genre(genres: Sequence[str], amount: float) -> dict[str, float]:
    """Return genre → its part of a title's contribution. `genres` begins with the title's first genre."""
    return {genre: amount * weight for genre, weight in zip(genres, GENRE_POSITION_WEIGHTS, strict=False)}


def get_gain(genres_of_titles: Iterable[Sequence[str]], *, weight: float) -> dict[str, float]:
    """Return genre → what titles with these genres add at a weight."""
    sums = sum_by_genre(split_by_genre(genres, weight) for genres in genres_of_titles)
    return {genre: round(total, 4) for genre, total in sums.items()}


def decay_scale(at: int) -> float:
    """Return the decay scale at a moment (epoch seconds): 1 at DECAY_EPOCH, doubled every 30 days."""
    return float(2.0 ** ((at - DECAY_EPOCH) / HALF_LIFE_SECONDS))


def sum_by_genre(contributions: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return genre → the sum over all contributions."""
    sums: dict[str, float] = {}
    for contribution in contributions:
        for genre, amount in contribution.items():
            sums[genre] = sums.get(genre, 0.0) + amount
    return sums


def get_affinities(
    title_sums: Mapping[str, float], event_sums: Mapping[str, float], event_affinity_at: int
) -> dict[str, float]:
    """Return genre → affinity, 0 to 1. It saturates, so that the hundredth film adds less than the first.

    `event_sums` are on the scale of `decay_scale`. They count as of `event_affinity_at`, the newest event in them:
    without new events, affinities do not decay and need not be computed again.
    """
    decayed = {genre: total / decay_scale(event_affinity_at) for genre, total in event_sums.items()}
    sums = sorted(sum_by_genre((title_sums, decayed)).items())
    return {genre: round(total / (total + HALF_SATURATION), 4) for genre, total in sums if total > 0}


def replace_gain(
    sums: Mapping[str, float], *, old: Mapping[str, float], new: Mapping[str, float]
) -> dict[str, float]:
    """Return the sums after a title's new contribution replaced its old one, without genres at zero."""
    replaced = {
        genre: round(sums.get(genre, 0.0) - old.get(genre, 0.0) + new.get(genre, 0.0), 4)
        for genre in {*sums, *new}
    }
    return {genre: total for genre, total in sorted(replaced.items()) if total > 0}


def replace_preference_gains(
    sums: Mapping[str, float], stored: Mapping[str, Any], given: Mapping[str, Any]
) -> Mapping[str, float]:
    """Return the sums after the affinity gains of given preferences replaced the stored ones (see Preferences)."""
    for name in AFFINITY_GAIN_FIELDS:
        if name in given:
            sums = replace_gain(sums, old=stored.get(name, {}), new=given[name])
    return sums
