"""Timelines equal the expected ones after random actions, lost messages and killed workers."""

from typing import Any

import pytest

from activity import store as stores
from activity.services import follows, relations, timelines
from activity.store.base import ActivityStore
from activity.types import Relation
from finishd.testing.people import Clock, Messages
from finishd.tests.friends import Chances, Simulation
from finishd.tests.interleaved_store import InterleavedStore

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("long_redis_timeouts"),
]

LIMITS = pytest.mark.parametrize(
    "push_limit", [10_000, pytest.param(9, marks=pytest.mark.slow)], ids=["all-pushed", "some-pulled"]
)

SMALL_LOAD_LIMIT = 25


@pytest.fixture
def make_simulation(
    activity_store: ActivityStore,
    messages: Messages,
    clock: Clock,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Return a function that creates a simulation. Other people act between the store calls of its tasks."""

    def make(
        seed: int, *, titles: int = 12, push_limit: int = 10_000, load_limit: int = 400, **chances: Any
    ) -> Simulation:
        settings.FANOUT_PUSH_LIMIT = push_limit
        # By default no timeline is longer than the limit, so that all rows can be compared.
        monkeypatch.setattr(timelines, "LOAD_LIMIT", load_limit)
        simulation = Simulation(seed, messages, clock, people=30, titles=titles, chances=Chances(**chances))
        stores.get_store.cache_clear()
        monkeypatch.setattr(
            f"{__name__}._make_interleaved_store",
            lambda: InterleavedStore(activity_store, simulation.interfere),
        )
        monkeypatch.setitem(stores.STORES, "interleaved", f"{__name__}._make_interleaved_store")
        settings.ACTIVITY_STORE = "interleaved"
        simulation.create_people()
        return simulation

    return make


def _make_interleaved_store() -> Any:
    """A placeholder that `make_simulation` replaces."""


def run(simulation: Simulation, *, steps: int, check_every: int) -> int:
    """Run steps and compare the timelines. Return how many rows the last comparison expected."""
    while simulation.steps < steps:
        simulation.step()
        if simulation.steps % check_every == 0:
            simulation.finish_all_work()
            simulation.check()
    simulation.finish_all_work()
    simulation.check()
    return sum(len(simulation.model.timeline(uid)) for uid in simulation.uids)


def scale_steps(activity_store: ActivityStore, steps: int) -> int:
    """Return fewer steps for the emulator, where a step takes a hundred times as long. 60 steps leave some rows."""
    return steps if "Orm" in type(activity_store).__name__ else max(steps // 15, 60)


@LIMITS
def test_timelines_equal_the_expected_ones(
    activity_store: ActivityStore, make_simulation: Any, push_limit: int
) -> None:
    simulation = make_simulation(1, push_limit=push_limit)
    assert run(simulation, steps=scale_steps(activity_store, 240), check_every=80) > 0


@pytest.mark.slow
def test_a_full_timeline_misses_no_row_newer_than_its_oldest(
    activity_store: ActivityStore, make_simulation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_small_limits(monkeypatch)
    simulation = make_simulation(
        2, titles=40, load_limit=SMALL_LOAD_LIMIT, action_weights=(60, 2, 30, 0, 0, 0, 0)
    )
    assert run(simulation, steps=scale_steps(activity_store, 250), check_every=125) > 0


@pytest.mark.gauntlet
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(10, 14))
@LIMITS
def test_timelines_equal_the_expected_ones_after_thousands_of_steps(
    activity_store: ActivityStore, make_simulation: Any, push_limit: int, seed: int
) -> None:
    simulation = make_simulation(seed, push_limit=push_limit)
    assert run(simulation, steps=scale_steps(activity_store, 3_000), check_every=200) > 0


@pytest.mark.gauntlet
@pytest.mark.timeout(3_600)
def test_a_full_timeline_misses_no_row_after_thousands_of_steps(
    activity_store: ActivityStore, make_simulation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_small_limits(monkeypatch)
    simulation = make_simulation(
        20, titles=60, load_limit=SMALL_LOAD_LIMIT, action_weights=(60, 1, 30, 0, 0, 0, 0)
    )
    assert run(simulation, steps=scale_steps(activity_store, 3_000), check_every=200) > 0


def set_small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in {
        "timeline_cache.MAX_ROWS": 40,
        "timeline_cache.MAX_DURABLE_ROWS": 80,
        "services.delivery.TRIM_ONE_IN": 4,
    }.items():
        monkeypatch.setattr(f"activity.{name}", limit)


def test_the_check_notices_a_missing_delivery(make_simulation: Any) -> None:
    """The check fails for an activity that is not delivered, and passes once the model has it."""
    simulation = make_simulation(3)
    follows.follow(simulation.uids[0], simulation.uids[1], now=simulation.clock.now)
    simulation.model.follows.add((simulation.uids[0], simulation.uids[1]))
    relations.set_relation(
        simulation.uids[1], simulation.titles[0], Relation("finished"), source=None, now=simulation.clock.now
    )
    simulation.finish_all_work()
    with pytest.raises(AssertionError):
        simulation.check()
    simulation.model.set_relation(
        simulation.uids[1], simulation.titles[0], Relation("finished"), int(simulation.clock.now)
    )
    simulation.check()
