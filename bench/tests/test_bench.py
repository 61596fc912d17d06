"""Parsing and reports of the bench. `BENCH=quick make bench` tests that it runs."""

import ast
import inspect
import sys

import pytest

from bench import report
from bench.errors import RunFailed
from bench.families import FAMILIES
from bench.goals import GOALS, Goal
from bench.load import Request, parse_output
from bench.results import Result, Row
from bench.scale import QUICK

WRK = """\
Running 5s test @ http://127.0.0.1:23456
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.21ms    1.02ms  20.11ms   90.12%
    Req/Sec     2.50k   120.00     2.80k    70.00%
  Latency Distribution
     50%  812.00us
     75%    3.50ms
     90%    4.20ms
     99%    1.02s
  12512 requests in 5.01s, 80.05MB read
Requests/sec:   2497.63
Transfer/sec:     15.98MB
"""


def test_latencies_of_wrk_are_parsed_as_milliseconds() -> None:
    figures = parse_output(WRK)
    assert (figures.throughput, figures.p50, figures.p99) == (2497.63, 0.812, 1020.0)


@pytest.mark.parametrize(
    "line", ["  Non-2xx or 3xx responses: 12", "  Socket errors: connect 0, read 3, write 0, timeout 0"]
)
def test_an_error_under_load_fails_the_run(line: str) -> None:
    with pytest.raises(RunFailed, match=line.strip()):
        parse_output(f"{WRK}{line}\n")


def test_rejections_are_not_part_of_the_throughput_if_they_are_allowed() -> None:
    output = f"{WRK}  Non-2xx or 3xx responses: 3128\n"
    figures = parse_output(output, allows_rejections=True)
    assert figures.throughput == pytest.approx(2497.63 * 0.75, rel=0.001)
    assert figures.rejected == pytest.approx(2497.63 * 0.25, rel=0.001)


def test_no_response_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="no responses"):
        parse_output(WRK.replace("2497.63", "0.00"))


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_the_family_of_a_goal_measures_it(goal: Goal) -> None:
    source = inspect.getsource(sys.modules[FAMILIES[goal.family].__module__])
    constants = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert goal.name in constants
    assert goal.name.startswith(f"{goal.family}.")


def test_a_goal_without_a_row_fails_the_run() -> None:
    with pytest.raises(RunFailed, match=r"fanout\.stall"):
        report.make_run({"fanout": Result(rows=[Row("fanout.linear", 1.0)])}, scale=QUICK, seconds=1.0)


def test_a_run_has_a_row_for_each_goal_and_the_document_has_markers() -> None:
    rows = [Row(goal.name, goal.value, unit=goal.unit, figure=2.0, floor=1.0, p50=1.0) for goal in GOALS]
    results = {
        name: Result(rows=[row for row in rows if row.name.startswith(f"{name}.")]) for name in FAMILIES
    }
    run = report.make_run(results, scale=QUICK, seconds=1.0)
    assert [row["name"] for row in run["goals"]] == [goal.name for goal in GOALS]
    assert all(row["met"] for row in run["goals"])
    assert {"name", "value", "goal", "met", "floor", "p50", "p99"} <= run["goals"][0].keys()
    assert report.format_changes(run, run)[1].endswith("(+0 %)")
    assert all(marker in report.DOCUMENT.read_text(encoding="utf-8") for marker in report.MARKERS)


def test_a_request_is_one_line() -> None:
    assert Request("/x", "t", '{"a":1}').line().split("\t") == ["POST", "/x", "t", '{"a":1}']
