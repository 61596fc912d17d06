"""The result of a family of measurements: rows of a table and points of curves."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    `value` is a number of `unit`s, or without a unit the ratio of `figure` to `floor`. `figure` and `floor` are in
    `figure_unit`, `p50` and `p99` in milliseconds. `limited_by` names the resource or the code that limits the figure.
    """

    name: str
    value: float
    unit: str = ""
    figure: float | None = None
    floor: float | None = None
    figure_unit: str = ""
    p50: float | None = None
    p99: float | None = None
    limited_by: str = ""


@dataclass(slots=True)
class Result:
    """The rows of a family, and the points (x, y) of each curve by the curve's name."""

    rows: list[Row] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add_point(self, curve: str, x: float, y: float) -> None:
        self.curves.setdefault(curve, []).append((x, y))
