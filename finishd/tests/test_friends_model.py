"""Timelines equal the expected ones after any sequence of activities, whatever workers and broker do."""

from typing import Any

import pytest

from activity import store as stores
from activity.services import follows, relations, timelines
from activity.store.base import ActivityStore
from activity.types import Relation
from finishd.testing.people import Clock, Messages
from finishd.tests.friends import Chances, Interleaved, World

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("long_redis_timeouts"),
]

LIMITS = pytest.mark.parametrize(
    "push_limit", [10_000, pytest.param(9, marks=pytest.mark.slow)], ids=["all-pushed", "some-pulled"]
)

SMALL_LOAD_LIMIT = 25


@pytest.fixture
def make_world(
    activity_store: ActivityStore,
    messages: Messages,
    clock: Clock,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Make a world whose store calls are interleaved with the actions of others."""

    def make(
        seed: int, *, titles: int = 12, push_limit: int = 10_000, load_limit: int = 400, **chances: Any
    ) -> World:
        settings.FANOUT_PUSH_LIMIT = push_limit
        # By default no timeline is longer than the limit, so that all rows can be compared.
        monkeypatch.setattr(timelines, "LOAD_LIMIT", load_limit)
        made = World(seed, messages, clock, people=30, titles=titles, chances=Chances(**chances))
        stores.get_store.cache_clear()
        monkeypatch.setattr(f"{__name__}._between", lambda: Interleaved(activity_store, made.between))
        monkeypatch.setitem(stores.STORES, "between", f"{__name__}._between")
        settings.ACTIVITY_STORE = "between"
        made.begin()
        return made

    return make


def _between() -> Any:
    """A placeholder that `make_world` replaces."""


def run(world: World, *, steps: int, quiet_every: int) -> None:
    while world.steps < steps:
        world.step()
        if world.steps % quiet_every == 0:
            world.quiet()
            world.check()
    world.quiet()
    world.check()


def scale_steps(activity_store: ActivityStore, steps: int) -> int:
    """Return fewer steps for the emulator, where a step takes a hundred times as long."""
    return steps if "Orm" in type(activity_store).__name__ else steps // 15


@LIMITS
def test_timelines_equal_the_expected_ones(
    activity_store: ActivityStore, make_world: Any, push_limit: int
) -> None:
    run(make_world(1, push_limit=push_limit), steps=scale_steps(activity_store, 240), quiet_every=80)


@pytest.mark.slow
def test_a_full_timeline_misses_no_row_newer_than_its_oldest(
    activity_store: ActivityStore, make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_small_limits(monkeypatch)
    made = make_world(2, titles=40, load_limit=SMALL_LOAD_LIMIT, acts=(60, 2, 30, 0, 0, 0, 0))
    run(made, steps=scale_steps(activity_store, 250), quiet_every=125)


@pytest.mark.gauntlet
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(10, 14))
@LIMITS
def test_timelines_equal_the_expected_ones_for_long(
    activity_store: ActivityStore, make_world: Any, push_limit: int, seed: int
) -> None:
    run(make_world(seed, push_limit=push_limit), steps=scale_steps(activity_store, 3_000), quiet_every=200)


@pytest.mark.gauntlet
@pytest.mark.timeout(3_600)
def test_a_full_timeline_for_long(
    activity_store: ActivityStore, make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_small_limits(monkeypatch)
    made = make_world(20, titles=60, load_limit=SMALL_LOAD_LIMIT, acts=(60, 1, 30, 0, 0, 0, 0))
    run(made, steps=scale_steps(activity_store, 3_000), quiet_every=200)


def set_small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in {
        "timeline_cache.MAX_ROWS": 40,
        "timeline_cache.MAX_DURABLE_ROWS": 80,
        "services.delivery.TRIM_ONE_IN": 4,
    }.items():
        monkeypatch.setattr(f"activity.{name}", limit)


def test_the_check_notices_a_missing_delivery(make_world: Any) -> None:
    """The check fails for an activity that is not delivered, and passes once the model has it."""
    made = make_world(3)
    follows.follow(made.uids[0], made.uids[1], now=made.clock.now)
    made.model.follows.add((made.uids[0], made.uids[1]))
    relations.set_relation(
        made.uids[1], made.titles[0], Relation("finished"), source=None, now=made.clock.now
    )
    made.quiet()
    with pytest.raises(AssertionError):
        made.check()
    made.model.set_relation(made.uids[1], made.titles[0], Relation("finished"), int(made.clock.now))
    made.check()
