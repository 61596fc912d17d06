"""Curves as SVG files. Both axes are logarithmic, so proportional growth is a straight line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

Points = Sequence[Sequence[float]]
Curves = Mapping[str, Points]


def draw(curves: Curves, folder: Path) -> list[tuple[str, str]]:
    """Draw one chart for each x axis (the part after ", by " in a curve's name). Return titles and file names."""
    # Only `make bench` installs matplotlib, and only this function needs it.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "finishd"  # Makes the files reproducible.
    from matplotlib import pyplot  # noqa: PLC0415

    drawn = []
    for axis, lines in _group_by_axis(curves).items():
        figure, axes = pyplot.subplots(figsize=(7, 4))
        for name, points in lines.items():
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=name)
        axes.set_xscale("symlog", linthresh=10)
        axes.set_yscale("log")
        axes.set_xlabel(axis)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
        figure.tight_layout()
        file_name = f"by-{re.sub(r'[^a-z]+', '-', axis.lower())}.svg"
        figure.savefig(folder / file_name, metadata={"Date": None})
        pyplot.close(figure)
        drawn.append((f"Costs by {axis}", file_name))
    return drawn


def _group_by_axis(curves: Curves) -> dict[str, dict[str, Points]]:
    groups: dict[str, dict[str, Points]] = {}
    for title, points in curves.items():
        name, _, axis = title.rpartition(", by ")
        groups.setdefault(axis, {})[name] = points
    return groups
