"""Timelines equal a model's after any sequence of deeds, whatever workers, broker and chance do."""

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


@pytest.fixture
def made_of(
    activity_store: ActivityStore,
    messages: Messages,
    clock: Clock,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Makes a world whose services reach the store through a door where others come between."""

    def make(seed: int, *, titles: int = 12, push_limit: int = 10_000, **chances: Any) -> World:
        settings.FANOUT_PUSH_LIMIT = push_limit
        if (
            timelines.LOAD_LIMIT == 100
        ):  # nobody's timeline is to be longer, or not all of it could be compared
            monkeypatch.setattr(timelines, "LOAD_LIMIT", 400)
        made = World(seed, messages, clock, people=30, titles=titles, chances=Chances(**chances))
        stores.get_store.cache_clear()
        monkeypatch.setattr(f"{__name__}._between", lambda: Interleaved(activity_store, made.between))
        monkeypatch.setitem(stores.STORES, "between", f"{__name__}._between")
        settings.ACTIVITY_STORE = "between"
        made.begin()
        return made

    return make


def _between() -> Any:
    """Replaced by `made_of`."""


def run(made: World, *, steps: int, quiet_every: int) -> None:
    while made.steps < steps:
        made.step()
        if made.steps % quiet_every == 0:
            made.quiet()
            made.check()
    made.quiet()
    made.check()


def share(activity_store: ActivityStore, steps: int) -> int:
    """How many of so many steps: the emulator takes a hundred times as long for each."""
    return steps if "Orm" in type(activity_store).__name__ else steps // 15


@LIMITS
def test_timelines_equal_the_model(activity_store: ActivityStore, made_of: Any, push_limit: int) -> None:
    run(made_of(1, push_limit=push_limit), steps=share(activity_store, 240), quiet_every=80)


@pytest.mark.slow
def test_at_the_cap_nothing_newer_than_the_oldest_is_missing(
    activity_store: ActivityStore, made_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_bounds(monkeypatch)
    made = made_of(2, titles=40, acts=(60, 2, 30, 0, 0, 0, 0))
    run(made, steps=share(activity_store, 250), quiet_every=125)


@pytest.mark.gauntlet
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(10, 14))
@LIMITS
def test_timelines_equal_the_model_for_long(
    activity_store: ActivityStore, made_of: Any, push_limit: int, seed: int
) -> None:
    run(made_of(seed, push_limit=push_limit), steps=share(activity_store, 3_000), quiet_every=200)


@pytest.mark.gauntlet
@pytest.mark.timeout(3_600)
def test_at_the_cap_for_long(
    activity_store: ActivityStore, made_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_bounds(monkeypatch)
    made = made_of(20, titles=60, acts=(60, 1, 30, 0, 0, 0, 0))
    run(made, steps=share(activity_store, 3_000), quiet_every=200)


def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, bound in {
        "timeline_cache.MAX_ROWS": 40,
        "services.timelines.LOAD_LIMIT": 25,
        "timeline_cache.MAX_DURABLE_ROWS": 80,
        "services.delivery.TRIM_ONE_IN": 4,
    }.items():
        monkeypatch.setattr(f"activity.{name}", bound)


def test_the_model_would_notice(made_of: Any) -> None:
    """Otherwise it proves nothing: a deed that reaches nobody, and one that stays, are found."""
    made = made_of(3)
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
