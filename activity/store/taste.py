"""How titles' likings add up to affinities, the same in every store. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from activity.types import LIKINGS

# A genre's sum at which its affinity is one half: three titles liked in full.
HALF: Final = 3.0


def affinities(likings: Mapping[str, float]) -> dict[str, float]:
    """Genre → 0 to 1: saturating, so that the hundredth film adds less than the first."""
    return {genre: round(total / (total + HALF), 4) for genre, total in sorted(likings.items()) if total > 0}


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
