"""What a family says: rows of a table and points of curves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


class Failed(Exception):
    """A figure could not be had; the message says why. The run ends."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `value` is in `unit`, or a ratio without one; `figure` and `floor` are what it is the ratio
    of, in `of`; `p50` and `p99` are milliseconds. `limits` says what the figure is bound by."""

    name: str
    value: float
    unit: str = ""
    figure: float | None = None
    floor: float | None = None
    of: str = ""
    p50: float | None = None
    p99: float | None = None
    limits: str = ""


@dataclass(slots=True)
class Result:
    """Of a family: rows, and by name of a curve its points (x, y)."""

    rows: list[Row] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def point(self, curve: str, x: float, y: float) -> None:
        self.curves.setdefault(curve, []).append((x, y))


def middle(values: Sequence[float]) -> float:
    """The median. Raises Failed for none."""
    if not values:
        raise Failed("there is nothing to take a median of")
    return median(values)


def high(values: Sequence[float], share: float = 0.99) -> float:
    """A percentile: the smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def rounded(value: Any) -> Any:
    """Numbers with four significant digits, wherever they are in a JSON value."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value
