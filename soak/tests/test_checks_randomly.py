"""Test the checks on random histories of a small model: correct ones have no violation, wrong ones do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soak.checks import CHECKS, check
from soak.minimising import minimise
from soak.tests.tiny_system import Bug, TinySystem, make_faulty

BUGS: dict[Bug, str] = {
    "skips a follower": "visible",
    "ignores an undo": "hidden",
    "counts twice": "counts",
    "loses an event": "counts",
    "repeats an item": "no repeats",
}
SEEDS = st.integers(0, 2**32)


@given(SEEDS)
@settings(max_examples=150, deadline=None)
def test_a_correct_system_violates_nothing(seed: int) -> None:
    results = check(TinySystem(seed).run())
    assert [violation for result in results for violation in result.violations] == []
    assert {result.promise for result in results if result.compared} >= {"visible", "hidden", "counts"}


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_faults_add_no_violation_to_a_correct_system(seed: int) -> None:
    results = check(make_faulty(TinySystem(seed).run(), seed))
    assert [violation for result in results for violation in result.violations] == []


@pytest.mark.parametrize("bug", BUGS)
@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_bug_is_a_violation_of_its_promise_and_of_no_other(bug: Bug, seed: int) -> None:
    broken = {result.promise for result in check(TinySystem(seed, bug).run()) if result.violations}
    assert broken == {BUGS[bug]}


@pytest.mark.parametrize("bug", BUGS)
@given(seed=SEEDS)
@settings(max_examples=5, deadline=None)
def test_no_operation_of_a_minimised_history_can_be_left_out(bug: Bug, seed: int) -> None:
    history = TinySystem(seed, bug).run()
    run = CHECKS[BUGS[bug]]
    violation = run(history).violations[0]
    operations = minimise(history, violation)
    for operation in operations:
        rest = [other for other in operations if other is not operation]
        found = run(history.with_operations(rest)).violations
        assert violation.key not in {other.key for other in found}
