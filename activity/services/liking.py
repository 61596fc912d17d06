"""What titles that somebody likes add to their genres."""

from collections.abc import Sequence
from typing import Final

from content.services import genres

CHOSEN: Final = 0.5  # a title picked when the phone asked for some
_PLACES: Final = (1.0, 0.5, 0.33)  # of the primary genre, the second, the third


def of(titles: Sequence[str], *, weight: float) -> dict[str, float]:
    """Genre → how much all of these titles add. Cost: 2 waits, whatever their number; none for no weight."""
    if weight <= 0 or not titles:
        return {}
    sums: dict[str, float] = {}
    for slugs in genres.of_titles(titles).values():
        for slug, place in zip(slugs, _PLACES, strict=False):
            sums[slug] = sums.get(slug, 0.0) + weight * place
    return {slug: round(total, 4) for slug, total in sums.items()}
