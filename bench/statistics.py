"""Medians, percentiles and rounding."""

import statistics
from collections.abc import Sequence
from typing import Any

from bench.errors import RunFailed

SIGNIFICANT_DIGITS = 4


def median(values: Sequence[float]) -> float:
    """Return the median. Raise `RunFailed` if there are no values."""
    if not values:
        raise RunFailed("there are no values to take a median of")
    return statistics.median(values)


def percentile(values: Sequence[float], share: float = 0.99) -> float:
    """Return the smallest value that is not exceeded by `share` of all values."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def round_floats(value: Any) -> Any:
    """Return a JSON value with all floats rounded to four significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, dict):
        return {key: round_floats(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [round_floats(inner) for inner in value]
    return value
