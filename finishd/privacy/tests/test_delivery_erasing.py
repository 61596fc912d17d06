"""Erasures and the cursors of deliveries, which name followers while batches remain."""

import math

import pytest

from activity.services import delivery, follows, presence
from activity.store import get_store
from activity.tests.scenarios import (
    FILM,
    KOFIS_LIKE,
    NOW,
    follow,
    get_unfinished_jobs,
    make_followers,
    read_timeline_everywhere,
    set_relation,
)
from activity.types import Ledger
from finishd.privacy import services as privacy
from finishd.privacy.tests.people import deliver_everything, erase
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


def get_ledger() -> Ledger:
    activity = get_store().get_activity("kofi", FILM)
    assert activity is not None
    return activity.ledger


def test_the_last_follower_of_a_finished_delivery_is_erased_completely() -> None:
    presence.mark_active("ama")
    follow("ama", "kofi")
    set_relation("kofi")
    deliver_everything()
    assert (get_ledger().delivered_count, get_ledger().cursor) == (1, "")
    erase("ama")
    assert privacy.find_references("ama") == {}


@pytest.mark.usefixtures("clock")
def test_a_delivery_whose_cursor_named_an_erased_person_reaches_all_other_followers(
    messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
    monkeypatch.setattr(delivery, "DELIVERY_SLICE_SECONDS", 0)
    make_followers(messages, "aba", "ama", "mei", "yaa")
    set_relation("kofi")
    for _ in range(2):
        messages.run(messages.waiting.pop(0))
    assert get_ledger().cursor == "ama"
    assert privacy.find_references("ama")["store: cursors"] == 1
    erase("ama")
    assert privacy.find_references("ama") == {}
    messages.run_all()
    assert all(read_timeline_everywhere(viewer) == KOFIS_LIKE for viewer in ("aba", "mei", "yaa"))
    assert (get_ledger().delivered_count, get_ledger().cursor) == (3, "")
    assert get_unfinished_jobs() == set()
    assert privacy.find_references("ama") == {}


def test_a_batch_that_ends_after_the_erasure_is_found_by_the_next_search(
    messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
    make_followers(messages, "ama", "mei")
    set_relation("kofi")
    late = Ledger(follower_count=2, delivered_count=1, cursor="ama", started_at=NOW, updated_at=NOW)
    erase("ama")
    get_store().save_ledger("kofi", FILM, 1, late)
    assert privacy.find_references("ama")["store: cursors"] == 1
    assert privacy.erase("ama", until=math.inf)
    assert privacy.find_references("ama") == {}
    messages.run_all()
    assert read_timeline_everywhere("mei") == KOFIS_LIKE
    assert follows.get_stats("kofi") == (1, 0)
