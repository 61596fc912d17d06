"""Curves of growth as SVG files: both axes logarithmic, so that what grows in proportion is a straight line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

Curves = Mapping[str, Sequence[Sequence[float]]]


def draw(curves: Curves, folder: Path) -> list[tuple[str, str]]:
    """One chart for each thing that costs are shown against ("…, by items"): (title, file name) of each."""
    # Only `make bench` installs it, and only this function needs it.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "finishd"  # the same figures give the same file
    from matplotlib import pyplot  # noqa: PLC0415

    drawn = []
    for against, lines in _grouped(curves).items():
        figure, axes = pyplot.subplots(figsize=(7, 4))
        for name, points in lines.items():
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=name)
        axes.set_xscale("symlog", linthresh=10)
        axes.set_yscale("log")
        axes.set_xlabel(against)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
        figure.tight_layout()
        name = f"by-{re.sub(r'[^a-z]+', '-', against.lower())}.svg"
        figure.savefig(folder / name, metadata={"Date": None})
        pyplot.close(figure)
        drawn.append((f"Costs by {against}", name))
    return drawn


def _grouped(curves: Curves) -> dict[str, dict[str, Sequence[Sequence[float]]]]:
    groups: dict[str, dict[str, Sequence[Sequence[float]]]] = {}
    for title, points in curves.items():
        name, _, against = title.rpartition(", by ")
        groups.setdefault(against, {})[name] = points
    return groups
