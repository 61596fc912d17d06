"""What becomes of the figures: a table, `bench/results/latest.json`, docs/PERFORMANCE.md and its charts.

`python -m bench.report` writes the document and the charts anew from the committed figures.
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
from bench.goals import BY_NAME, GOALS
from bench.rows import Failed, Result, Row, rounded
from bench.scale import Scale
from bench.servers import ROOT

LATEST: Final = ROOT / "bench" / "results" / "latest.json"
QUICK: Final = ROOT / "bench" / "results" / "quick.json"
DOCUMENT: Final = ROOT / "docs" / "PERFORMANCE.md"
CHARTS: Final = ROOT / "docs" / "charts"
MARKS: Final = ("<!-- figures: python -m bench.report -->", "<!-- end of figures -->")

Run = dict[str, Any]


def finish(results: Mapping[str, Result], *, scale: Scale, whole: bool, seconds: float) -> None:
    """Print the table and the change since the last committed run; keep a whole run."""
    run = rounded(run_of(results, scale=scale, seconds=seconds))
    print("\n".join(table([*run["goals"], *run["rows"]])))
    for note in run["notes"]:
        print(f"bench: {note}")
    for line in changes(run, committed()):
        print(line)
    if scale.name != "full":
        QUICK.write_text(json.dumps(run, indent=1) + "\n")
        with tempfile.TemporaryDirectory() as folder:  # only whether they can be drawn
            charts.draw(run["curves"], Path(folder))
    elif whole:
        LATEST.write_text(json.dumps(run, indent=1) + "\n")
        renew(run)
    else:
        print("bench: not the whole run: bench/results/latest.json stays as it is")
    print(f"bench: {seconds:.0f} s")


def run_of(results: Mapping[str, Result], *, scale: Scale, seconds: float) -> Run:
    """Everything of a run as JSON. Raises Failed when a family left a goal of its own without a row."""
    rows = {row.name: row for result in results.values() for row in result.rows}
    missing = [goal.name for goal in GOALS if goal.family in results and goal.name not in rows]
    if missing:
        raise Failed(f"no row for {', '.join(missing)}")
    return {
        "machine": machine.describe(),
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": scale.name != "full",
        "seconds": seconds,
        "scale": asdict(scale),
        "goals": [_goal(rows[goal.name]) for goal in GOALS if goal.name in rows],
        "rows": [asdict(row) for row in rows.values() if row.name not in BY_NAME],
        "curves": {name: points for result in results.values() for name, points in result.curves.items()},
        "notes": [note for result in results.values() for note in result.notes],
    }


def table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """For a terminal."""
    heads = ("", "value", "goal", "met", "figure", "floor", "", "p50 ms", "p99 ms", "limited by")
    cells = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def changes(run: Run, before: Run | None) -> list[str]:
    """How each value moved since another run."""
    if before is None:
        return ["bench: no committed run to compare with"]
    then = {row["name"]: row["value"] for row in (*before["goals"], *before["rows"])}
    now = {row["name"]: row["value"] for row in (*run["goals"], *run["rows"])}
    moved = [
        f"  {name}: {then[name]:g} → {value:g} ({100 * (value / then[name] - 1):+.0f} %)"
        for name, value in now.items()
        if then.get(name)
    ]
    return [f"bench: since the committed run of {before['taken_at']}:", *moved]


def committed() -> Run | None:
    """The run that HEAD holds; without git the file as it is."""
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


def renew(run: Run) -> None:
    """Write the table of the document and the charts from a run."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    drawn = charts.draw(run["curves"], CHARTS)
    text = DOCUMENT.read_text(encoding="utf-8")
    begin, end = (re.escape(mark) for mark in MARKS)
    figures = "\n".join((MARKS[0], "", *_document(run, drawn), "", MARKS[1]))
    if not re.search(f"{begin}.*?{end}", text, re.DOTALL):
        raise Failed(f"{DOCUMENT.name} has lost the marks between which the figures stand")
    text = re.sub(f"{begin}.*?{end}", lambda _: figures, text, flags=re.DOTALL)
    DOCUMENT.write_text(text, encoding="utf-8")


def _document(run: Run, drawn: Sequence[tuple[str, str]]) -> list[str]:
    about = run["machine"]
    return [
        f"Taken {run['taken_at'][:10]} in {run['seconds'] / 60:.0f} minutes on {_of(about)}.",
        "",
        *_markdown(
            run["goals"],
            ("what", "value", "goal", "met", "figure", "floor", "p50 ms", "p99 ms", "limited by"),
        ),
        "",
        "Beside them:",
        "",
        *_markdown(run["rows"], ("what", "value", "figure", "floor", "p50 ms", "p99 ms", "limited by")),
        "",
        *(f"![{title}](charts/{name})" for title, name in drawn),
    ]


def _of(about: Mapping[str, Any]) -> str:
    return (
        f"{about['cores']} cores of {about['processor']} with {about['memory_gb']} GB, Python {about['python']}, "
        f"{about['redis']}, {about['postgresql']}"
    )


def _markdown(rows: Sequence[Mapping[str, Any]], heads: Sequence[str]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        name, value, goal, met, figure, floor, of, p50, p99, limits = _cells(row)
        what = BY_NAME[row["name"]].says if row["name"] in BY_NAME else name
        aims = (goal, met) if "met" in heads else ()
        cells = (what, value, *aims, f"{figure} {of}".strip(), f"{floor} {of}".strip() if floor else "")
        lines.append(f"| {' | '.join((*cells, p50, p99, limits))} |")
    return lines


def _goal(row: Row) -> dict[str, Any]:
    """A row with what was aimed at."""
    goal = BY_NAME[row.name]
    return {**asdict(row), "goal": goal.value, "direction": goal.direction, "met": goal.met(row.value)}


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    unit = f" {row['unit']}" if row["unit"] else ""
    aim = f"{'≥' if row['direction'] == 'at least' else '≤'} {row['goal']:g}" if "goal" in row else ""
    met = ("yes" if row["met"] else "NO") if "met" in row else ""
    return (
        row["name"],
        f"{_number(row['value'])}{unit}",
        aim,
        met,
        _number(row["figure"]),
        _number(row["floor"]),
        row["of"],
        _number(row["p50"]),
        _number(row["p99"]),
        row["limits"],
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    renew(json.loads(LATEST.read_text()))
