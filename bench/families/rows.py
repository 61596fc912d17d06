"""Rows that compare two loads."""

from dataclasses import replace

from bench.load import Figures
from bench.results import Row


def make_throughput_row(name: str, figures: Figures, floor: Figures, *, unit: str = "pages/s") -> Row:
    """Compare throughputs."""
    row = _make_row(name, figures.throughput, floor.throughput, unit)
    return _add_latencies(row, figures)


def make_p50_row(name: str, figures: Figures, floor: Figures) -> Row:
    """Compare medians of latencies."""
    return _add_latencies(_make_row(name, figures.p50, floor.p50, "ms"), figures)


def make_p99_row(name: str, figures: Figures, floor: Figures) -> Row:
    """Compare 99th percentiles of latencies."""
    return _add_latencies(_make_row(name, figures.p99, floor.p99, "ms"), figures)


def _make_row(name: str, figure: float, floor: float, unit: str) -> Row:
    return Row(name, figure / floor, figure=figure, floor=floor, figure_unit=unit)


def _add_latencies(row: Row, figures: Figures) -> Row:
    return replace(row, p50=figures.p50, p99=figures.p99, limited_by=figures.limited_by)
