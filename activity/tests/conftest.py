"""Fixtures: each kind of activity store, and active people."""

from typing import Final

import pytest

from activity.services import presence
from activity.store.base import ActivityStore
from activity.store.firestore import FirestoreStore
from activity.store.firestore.client import get_client
from activity.store.orm import OrmStore
from activity.tests.firestore_wire import Recorder
from finishd.testing.api import get_token
from finishd.testing.firestore import Database
from finishd.testing.people import Messages, activity_store, activity_store_unavailable, clock, messages
from soak.simulation.store_model import StoreModel

__all__ = ["activity_store", "activity_store_unavailable", "clock", "messages"]

_STORES: Final[dict[str, type[ActivityStore]]] = {
    "orm": OrmStore,
    "firestore": FirestoreStore,
    "model": StoreModel,
}


@pytest.fixture(params=[pytest.param("orm", marks=pytest.mark.django_db), "firestore", "model"])
def store(request: pytest.FixtureRequest) -> ActivityStore:
    """Return an empty store. A test that uses it runs once for each kind of store, and on the simulation's model."""
    return _make_store(request)


@pytest.fixture(
    params=[pytest.param("orm", marks=pytest.mark.django_db(transaction=True)), "firestore", "model"]
)
def shared_store(request: pytest.FixtureRequest) -> ActivityStore:
    """Return an empty store for tests that use it from several threads."""
    return _make_store(request)


def _make_store(request: pytest.FixtureRequest) -> ActivityStore:
    if request.param == "firestore":
        request.getfixturevalue("firestore")
    return _STORES[request.param]()


@pytest.fixture
def active_people(activity_store: ActivityStore, messages: Messages) -> None:
    """Ama, Kofi and Mei are active and have tokens. Messages to workers wait for the test to run them."""
    for uid in ("ama", "kofi", "mei"):
        presence.mark_active(uid)
        get_token(uid)


@pytest.fixture
def rpcs(firestore: Database, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The RPCs that the Firestore store makes."""
    client = get_client()
    recorder = Recorder(client._firestore_api)
    monkeypatch.setattr(client, "_firestore_api_internal", recorder)
    return recorder
