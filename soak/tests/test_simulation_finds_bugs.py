"""The simulation notices the bugs that a soak notices, and others, which are planted in the application."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from activity import undone
from activity.services import delivery, sweep
from analytics import dedup
from analytics.services import reader
from feed import plans
from soak.planted import bugs
from soak.planted.names import PROMISES
from soak.simulation.environment import Environment, prepared_environment
from soak.simulation.seeds import find_failures, get_promise, run_seed
from soak.simulation.store_model import StoreModel

MAX_SEEDS: Final = 400  # all but one are found within 60
# What `soak.planted.bugs` replaces.
REPLACED: Final = (
    (delivery, "write_until_stable"),
    (undone, "add"),
    (dedup, "register"),
    (plans, "serve_slots"),
)
# Function that a bug replaces, its replacement, and the promise that it breaks.
Bug = tuple[Any, str, Callable[..., Any], str]
BUGS: Final[dict[str, Bug]] = {
    "the sweep finds no jobs": (sweep, "sweep_jobs", lambda *, now: 0, "all jobs finish"),
    "an undo leaves the rows": (
        *(StoreModel, "delete_timeline_rows", lambda *_: None),
        "what was undone, unfollowed or blocked is gone",
    ),
    "a reader does not advance its checkpoint": (
        *(reader, "advance_checkpoint", lambda *_, **__: None),
        "counts",
    ),
}


@pytest.fixture
def environment(transactional_db: None) -> Iterator[Environment]:
    with prepared_environment() as prepared:
        yield prepared


def check_is_found(environment: Environment, promise: str) -> None:
    for seed in range(MAX_SEEDS):
        if promise in map(get_promise, run_seed(environment, seed).violations):
            return
    pytest.fail(f"not found in {MAX_SEEDS} seeds")


@pytest.mark.parametrize("bug", PROMISES)
def test_a_bug_that_a_soak_notices_is_found(
    bug: str, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in REPLACED:
        monkeypatch.setattr(module, name, getattr(module, name))  # to restore it
    bugs.plant(bug)
    check_is_found(environment, PROMISES[bug])


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_the_background_is_found(
    bug: str, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, replacement, promise = BUGS[bug]
    monkeypatch.setattr(module, name, replacement)
    check_is_found(environment, promise)


def test_a_failure_is_reduced_to_a_few_steps(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoreModel, "delete_timeline_rows", lambda *_: None)
    failure = next(iter(find_failures(environment, range(MAX_SEEDS))))
    assert len(failure.steps) <= 12
    assert {"follow", "like"} <= {step[0] for step in failure.steps}
    assert any("follow of" in line for line in failure.trace)
