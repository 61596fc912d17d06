"""The application keeps its promises in the simulation. `make simulate` runs more seeds."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest

from bench.servers import ROOT
from soak.simulation.environment import Environment, prepared_environment
from soak.simulation.minimise import minimise
from soak.simulation.seeds import find_failures, make_run

SEEDS: Final = range(200)


@pytest.fixture
def environment(transactional_db: None) -> Iterator[Environment]:
    with prepared_environment() as prepared:
        yield prepared


def test_no_seed_breaks_a_promise(environment: Environment) -> None:
    assert list(find_failures(environment, SEEDS)) == []


def run_command(*options: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "soak.simulation", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_seed_has_the_same_trace_in_every_process() -> None:
    first, second = (run_command("--seed", "18", hash_seed=number) for number in ("1", "2"))
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("\n") > 50
    assert first.stdout == second.stdout


def test_a_run_in_several_processes_prints_one_total() -> None:
    run = run_command("--seeds", "3", "--processes", "2")
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"simulation: 3 seeds \(0 to 2\) break no promise, \d+ s\n", run.stdout)


@pytest.mark.parametrize(
    ("option", "value", "least"), [("seeds", 0, 1), ("seed", -1, 0), ("first", -5, 0), ("processes", 0, 1)]
)
def test_a_number_out_of_bounds_is_one_sentence(option: str, value: int, least: int) -> None:
    run = run_command(f"--{option}", str(value))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"simulation: --{option} is {value}; it must be at least {least}.\n"


@pytest.mark.gauntlet
@pytest.mark.timeout(1_800)
def test_ten_thousand_seeds_break_no_promise() -> None:
    """On two idle cores this takes less than five minutes."""
    run = run_command("--seeds", "10000", "--processes", "2")
    assert run.returncode == 0, run.stdout


def test_steps_depend_on_the_seed_only() -> None:
    assert make_run(7) == make_run(7)
    assert make_run(7) != make_run(8)


def test_seeds_have_faults_concurrency_and_quiet_times() -> None:
    names = {step[0] for seed in range(60) for step in make_run(seed)[1]}
    assert names >= {"like", "undo", "block", "scroll", "send_events", "run", "deliver", "beat", "pass"}
    assert names >= {"lose", "repeat", "kill", "fail", "outage", "forget", "empty_redis", "roll_back_redis"}


def test_steps_that_do_not_matter_are_left_out() -> None:
    steps: list[Any] = [("pass", number) for number in range(60)]
    needed = {steps[3], steps[41]}
    assert minimise(steps, lambda fewer: needed <= set(fewer)) == [steps[3], steps[41]]
