"""Find fewer steps that break the same promise (delta debugging: Zeller and Hildebrandt, 2002)."""

from collections.abc import Callable, Sequence
from typing import Final

from soak.simulation.steps import Step

MAX_RUNS: Final = 400


def minimise(steps: Sequence[Step], breaks: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """Return steps of which hardly any can be left out. `breaks` runs steps; it is called MAX_RUNS times at most."""
    kept, size, runs = list(steps), len(steps) // 2, 0
    while size >= 1:
        start, has_shrunk = 0, False
        while start < len(kept) and runs < MAX_RUNS:
            fewer = kept[:start] + kept[start + size :]
            runs += 1
            if breaks(fewer):
                kept, has_shrunk = fewer, True
            else:
                start += size
        if runs >= MAX_RUNS:
            break
        size = size if has_shrunk and size == 1 else size // 2
    return kept
