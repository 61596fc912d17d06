"""How titles' likings add up to affinities, the same in every store. Pure."""

from collections.abc import Mapping
from typing import Final

# A genre's sum at which its affinity is one half: three titles liked in full.
HALF: Final = 3.0


def affinities(likings: Mapping[str, float]) -> dict[str, float]:
    """Genre → 0 to 1: saturating, so that the hundredth film adds less than the first."""
    return {genre: round(total / (total + HALF), 4) for genre, total in sorted(likings.items()) if total > 0}


def corrected(
    likings: Mapping[str, float], *, minus: Mapping[str, float], plus: Mapping[str, float]
) -> dict[str, float]:
    """The sums after a title's old contribution gave way to its new one; genres at nothing are left out."""
    sums = {
        genre: round(likings.get(genre, 0.0) - minus.get(genre, 0.0) + plus.get(genre, 0.0), 4)
        for genre in {*likings, *plus}
    }
    return {genre: total for genre, total in sorted(sums.items()) if total > 0}
