"""How titles' likings, and what events taught, add up to affinities, the same in every store. Pure.

What was learned fades by half in 30 days, and must not depend on the order in which it arrives. So nothing that is
kept is ever made smaller: what comes later counts for more instead (*forward decay*; Cormode and others, 2009). A
contribution is multiplied by how much the measure has grown from a fixed day to its own moment; sums of such
products need no date, and dividing a sum by the measure of any moment gives what is left of it by then.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from activity.types import LIKINGS
from core.units import DAY

# A genre's sum at which its affinity is one half: three titles liked in full.
HALF: Final = 3.0
HALF_LIFE: Final = 30 * DAY
# 2026-01-01. Every sum that is kept counts from here, so it can never change; until 2110 a float holds the measure.
LANDMARK: Final = 1_767_225_600
_PLACES: Final = (1.0, 0.5, 0.33)  # of a title's primary genre, the second, the third


def spread(genres: Sequence[str], amount: float) -> dict[str, float]:
    """Genre → its part of what a title adds, the primary one first."""
    return {genre: amount * place for genre, place in zip(genres, _PLACES, strict=False)}


def grown(at: int) -> float:
    """The measure at a moment (epoch seconds): twice as much every 30 days, 1 at LANDMARK."""
    return float(2.0 ** ((at - LANDMARK) / HALF_LIFE))


def added(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Genre → the sum over all parts."""
    sums: dict[str, float] = {}
    for part in parts:
        for genre, amount in part.items():
            sums[genre] = sums.get(genre, 0.0) + amount
    return sums


def affinities(
    likings: Mapping[str, float], learned: Mapping[str, float], learned_at: int
) -> dict[str, float]:
    """Genre → 0 to 1: saturating, so that the hundredth film adds less than the first.

    `learned` are sums in the measure of `grown`; they count as they were at `learned_at`, the newest event in them:
    without new events nothing fades, and nothing needs to be computed anew.
    """
    faded = {genre: total / grown(learned_at) for genre, total in learned.items()}
    sums = sorted(added((likings, faded)).items())
    return {genre: round(total / (total + HALF), 4) for genre, total in sums if total > 0}


def chosen(
    likings: Mapping[str, float], kept: Mapping[str, Any], given: Mapping[str, Any]
) -> Mapping[str, float]:
    """The sums after the titles that somebody chose (see Preferences) gave way to others."""
    for name in LIKINGS:
        if name in given:
            likings = corrected(likings, minus=kept.get(name, {}), plus=given[name])
    return likings


def corrected(
    likings: Mapping[str, float], *, minus: Mapping[str, float], plus: Mapping[str, float]
) -> dict[str, float]:
    """The sums after a title's old contribution gave way to its new one; genres at nothing are left out."""
    sums = {
        genre: round(likings.get(genre, 0.0) - minus.get(genre, 0.0) + plus.get(genre, 0.0), 4)
        for genre in {*likings, *plus}
    }
    return {genre: total for genre, total in sorted(sums.items()) if total > 0}
