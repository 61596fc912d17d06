"""Affinity gains: what titles add to a person's affinity sums, by genre."""

from collections.abc import Sequence
from typing import Final

from activity.rules import affinities
from content.services import genres

PREFERENCE_TITLE_WEIGHT: Final = 0.5  # of a title that a person picked in the preferences


def get_affinity_gain(titles: Sequence[str], *, weight: float) -> dict[str, float]:
    """Return genre → the sum of what these title keys add.

    Cost: 2 round trips for any number of titles; none if the weight is 0.
    """
    if weight <= 0 or not titles:
        return {}
    return affinities.get_gain(genres.get_slugs_of_titles(titles).values(), weight=weight)
