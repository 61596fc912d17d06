"""The report of a run: a table in the terminal, `bench/results/latest.json`, docs/PERFORMANCE.md and its charts.

`python -m bench.report` writes the document and the charts again from the committed figures.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import charts, machine
from bench.errors import RunFailed
from bench.goals import BY_NAME, GOALS
from bench.results import Result, Row
from bench.scale import Scale
from bench.servers import ROOT
from bench.statistics import round_floats

LATEST: Final = ROOT / "bench" / "results" / "latest.json"
QUICK: Final = ROOT / "bench" / "results" / "quick.json"
DOCUMENT: Final = ROOT / "docs" / "PERFORMANCE.md"
CHARTS: Final = ROOT / "docs" / "charts"
MARKERS: Final = ("<!-- figures: python -m bench.report -->", "<!-- end of figures -->")

Run = dict[str, Any]


def publish(results: Mapping[str, Result], *, scale: Scale, is_complete: bool, seconds: float) -> None:
    """Print the table and the changes since the committed run. Save a complete run and update the document."""
    run = round_floats(make_run(results, scale=scale, seconds=seconds))
    print("\n".join(format_table([*run["goals"], *run["rows"]])))
    for note in run["notes"]:
        print(f"bench: {note}")
    for line in format_changes(run, load_committed_run()):
        print(line)
    if scale.name != "full":
        QUICK.write_text(json.dumps(run, indent=1) + "\n")
        with tempfile.TemporaryDirectory() as folder:  # Only to check that the charts can be drawn.
            charts.draw(run["curves"], Path(folder))
    elif is_complete:
        LATEST.write_text(json.dumps(run, indent=1) + "\n")
        update_document(run)
    else:
        print("bench: not a complete run: bench/results/latest.json is unchanged")
    print(f"bench: {seconds:.0f} s")


def make_run(results: Mapping[str, Result], *, scale: Scale, seconds: float) -> Run:
    """Return the run as JSON. Raise `RunFailed` if a family has no row for one of its goals."""
    rows = {row.name: row for result in results.values() for row in result.rows}
    missing = [goal.name for goal in GOALS if goal.family in results and goal.name not in rows]
    if missing:
        raise RunFailed(f"no row for {', '.join(missing)}")
    return {
        "machine": machine.describe(),
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": scale.name != "full",
        "seconds": seconds,
        "scale": asdict(scale),
        "goals": [_add_goal(rows[goal.name]) for goal in GOALS if goal.name in rows],
        "rows": [asdict(row) for row in rows.values() if row.name not in BY_NAME],
        "curves": {name: points for result in results.values() for name, points in result.curves.items()},
        "notes": [note for result in results.values() for note in result.notes],
    }


def format_table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table for the terminal."""
    heads = ("", "value", "goal", "met", "figure", "floor", "", "p50 ms", "p99 ms", "limited by")
    cells = [heads, *(_format_cells(row) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def format_changes(run: Run, before: Run | None) -> list[str]:
    """Return a line for each value that both runs have."""
    if before is None:
        return ["bench: no committed run to compare with"]
    old = {row["name"]: row["value"] for row in (*before["goals"], *before["rows"])}
    new = {row["name"]: row["value"] for row in (*run["goals"], *run["rows"])}
    changes = [
        f"  {name}: {old[name]:g} → {value:g} ({100 * (value / old[name] - 1):+.0f} %)"
        for name, value in new.items()
        if old.get(name)
    ]
    return [f"bench: changes since the committed run of {before['taken_at']}:", *changes]


def load_committed_run() -> Run | None:
    """Return the run in HEAD. Without git, return the run in the file."""
    name = LATEST.relative_to(ROOT).as_posix()
    try:
        shown = subprocess.run(
            ["git", "show", f"HEAD:{name}"], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        shown = None
    if shown is not None and shown.returncode == 0:
        text = shown.stdout
    elif shown is None and LATEST.exists():
        text = LATEST.read_text()
    else:
        return None
    run: Run = json.loads(text)
    return run


def update_document(run: Run) -> None:
    """Write the charts and the tables of the document. Raise `RunFailed` if the document has no markers."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    drawn = charts.draw(run["curves"], CHARTS)
    text = DOCUMENT.read_text(encoding="utf-8")
    begin, end = (re.escape(marker) for marker in MARKERS)
    figures = "\n".join((MARKERS[0], "", *_format_document(run, drawn), "", MARKERS[1]))
    if not re.search(f"{begin}.*?{end}", text, re.DOTALL):
        raise RunFailed(f"{DOCUMENT.name} has no markers around the figures")
    text = re.sub(f"{begin}.*?{end}", lambda _: figures, text, flags=re.DOTALL)
    DOCUMENT.write_text(text, encoding="utf-8")


def _format_document(run: Run, drawn: Sequence[tuple[str, str]]) -> list[str]:
    date, minutes = run["taken_at"][:10], run["seconds"] / 60
    goal_heads = ("what", "value", "goal", "met", "figure", "floor", "p50 ms", "p99 ms", "limited by")
    row_heads = ("what", "value", "figure", "floor", "p50 ms", "p99 ms", "limited by")
    return [
        f"Taken {date} in {minutes:.0f} minutes on {_format_machine(run['machine'])}.",
        "",
        *_format_markdown(run["goals"], goal_heads),
        "",
        "Rows without goals:",
        "",
        *_format_markdown(run["rows"], row_heads),
        "",
        *(f"![{title}](charts/{name})" for title, name in drawn),
    ]


def _format_machine(about: Mapping[str, Any]) -> str:
    return (
        f"{about['cores']} cores of {about['processor']} with {about['memory_gb']} GB, Python {about['python']}, "
        f"{about['redis']}, {about['postgresql']}"
    )


def _format_markdown(rows: Sequence[Mapping[str, Any]], heads: Sequence[str]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        name, value, limit, is_met, figure, floor, unit, p50, p99, limited_by = _format_cells(row)
        goal = BY_NAME.get(row["name"])
        what = goal.description if goal else name
        goal_cells = (limit, is_met) if "met" in heads else ()
        figures = (f"{figure} {unit}".strip(), f"{floor} {unit}".strip() if floor else "")
        lines.append(f"| {' | '.join((what, value, *goal_cells, *figures, p50, p99, limited_by))} |")
    return lines


def _add_goal(row: Row) -> dict[str, Any]:
    goal = BY_NAME[row.name]
    return {**asdict(row), "goal": goal.value, "direction": goal.direction, "met": goal.is_met(row.value)}


def _format_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    unit = f" {row['unit']}" if row["unit"] else ""
    goal = f"{'≥' if row['direction'] == 'at least' else '≤'} {row['goal']:g}" if "goal" in row else ""
    is_met = ("yes" if row["met"] else "NO") if "met" in row else ""
    return (
        row["name"],
        f"{_format_number(row['value'])}{unit}",
        goal,
        is_met,
        _format_number(row["figure"]),
        _format_number(row["floor"]),
        row["figure_unit"],
        _format_number(row["p50"]),
        _format_number(row["p99"]),
        row["limited_by"],
    )


def _format_number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    update_document(json.loads(LATEST.read_text()))
