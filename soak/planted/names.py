"""The bugs and the promises that they break."""

from collections.abc import Mapping
from typing import Final

# Bug → the promise of `soak.checks` that notices it.
PROMISES: Final[Mapping[str, str]] = {
    "delivery": "visible",  # deliveries leave out every third follower
    "undo": "hidden",  # an undo takes effect when it is delivered, not with its answer
    "dedup": "counts",  # an event that is sent again counts again
    "slice": "no repeats",  # a page begins with the last item of the page before
}
