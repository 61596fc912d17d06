"""Replies of Firestore that end in the middle: calls succeed or the store is unavailable; a change happens once."""

import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any, Final

import pytest

from activity.store import meter
from activity.store.firestore import FirestoreStore
from activity.tests.store_contract import DUE, NOW
from activity.types import StoreUnavailable
from core.circuit import CircuitBreaker
from finishd.testing.firestore import Database
from finishd.testing.interruptions import ACTIONS, Action
from finishd.testing.proxy import Proxy

# Within the settings frames of a new connection, the headers, the message and the trailers of a reply.
POSITIONS: Final = (0, 5, 20, 60, 100, 150, 200)
BUDGET: Final = 1.0  # seconds of a store call


@pytest.fixture
def proxy(
    firestore: Database, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Generator[Proxy, None, None]:
    """A proxy to the emulator that the store uses."""
    settings.FIRESTORE_TIMEOUT, settings.FIRESTORE_DEADLINE = 0.5, BUDGET
    monkeypatch.setattr(meter, "breaker", CircuitBreaker("test", failure_types=()))  # never opens
    proxy = Proxy(firestore.host)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
    yield proxy
    proxy.close()


def get_positions(action: Action) -> tuple[int, ...]:
    """A stalled reply costs the whole budget of a call, so there are few of them."""
    return (0, 100) if action == "stall" else POSITIONS


@pytest.mark.parametrize("action", ACTIONS)
def test_a_read_succeeds_within_its_budget_or_the_store_is_unavailable(proxy: Proxy, action: Action) -> None:
    store = FirestoreStore()
    store.follow("ama", "kofi", now=NOW, due=DUE)
    for position in get_positions(action):
        started_at = time.monotonic()
        with proxy.interrupt(action, position, times=1) as interruption:
            with suppress(StoreUnavailable):
                assert store.get_profile("ama") is not None
            assert time.monotonic() - started_at < BUDGET + 1
            assert interruption.count == 1
            assert store.count_following("ama") == 1  # on a new connection


@pytest.mark.parametrize("action", ACTIONS)
def test_a_change_whose_reply_was_interrupted_is_applied_once(proxy: Proxy, action: Action) -> None:
    store = FirestoreStore()
    for position in get_positions(action):
        uid = f"viewer-{position}"
        with proxy.interrupt(action, position, marker=uid.encode(), times=1) as interruption:
            with suppress(StoreUnavailable):
                store.follow(uid, "kofi", now=NOW, due=DUE)
            assert interruption.count == 1
        profile, _ = store.follow(uid, "kofi", now=NOW, due=DUE)
        assert (profile.following_count, profile.version, store.count_following(uid)) == (1, 1, 1)
        assert store.get_job("backfill", uid, "kofi") is not None
