"""What titles that somebody likes add to their genres."""

from collections.abc import Sequence
from typing import Final

from activity.rules import affinities
from content.services import genres

PREFERENCE_TITLE_WEIGHT: Final = 0.5  # a title picked when the phone asked for some


def get_affinity_gain(titles: Sequence[str], *, weight: float) -> dict[str, float]:
    """Genre → how much all of these titles add. Cost: 2 waits, whatever their number; none for no weight."""
    if weight <= 0 or not titles:
        return {}
    sums = affinities.sum_by_genre(
        affinities.split_by_genre(slugs, weight) for slugs in genres.get_slugs_of_titles(titles).values()
    )
    return {slug: round(total, 4) for slug, total in sums.items()}
