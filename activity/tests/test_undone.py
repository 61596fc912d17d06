"""An undo takes effect for readers with its response, before it is delivered."""

from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from activity import keys, undone
from activity.store import get_store
from activity.tests.api_steps import SYNC, measure_cost, sync
from activity.tests.scenarios import (
    EMPTY,
    FILM,
    KOFIS_LIKE,
    NOW,
    get_cached_rows,
    make_followers,
    meanwhile,
    read_rows,
    read_timeline,
    read_timeline_everywhere,
    run_later,
    set_relation,
)
from activity.types import Activity
from core.redis.client import state_redis
from finishd.privacy.tests.people import erase
from finishd.testing.api import THROTTLE_ROUND_TRIPS, get_client
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


def get_entries() -> dict[str, float]:
    found: Any = state_redis().zrange(keys.UNDONE.name(), 0, -1, withscores=True)
    return {member.decode().partition("\0")[2]: at for member, at in found}


def like_and_deliver(messages: Messages) -> None:
    make_followers(messages, "ama")
    set_relation("kofi")
    messages.run_all()
    assert read_timeline("ama") == KOFIS_LIKE


def get_activity() -> Activity:
    activity = get_store().get_activity("kofi", FILM)
    assert activity is not None
    return activity


def test_no_reader_sees_an_activity_after_its_undo_although_it_was_not_delivered(messages: Messages) -> None:
    like_and_deliver(messages)
    set_relation("kofi", relation=EMPTY)
    assert get_cached_rows("ama") == KOFIS_LIKE
    assert read_timeline("ama") == []
    state_redis().delete(keys.TIMELINE.name(viewer="ama"))
    assert read_timeline("ama") == []


def test_a_late_batch_of_the_older_version_does_not_show_the_activity(
    messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_followers(messages, "ama")
    seen: list[list[str]] = []
    set_relation("kofi")
    meanwhile(monkeypatch, "get_follower_uids", lambda: set_relation("kofi", relation=EMPTY))
    meanwhile(monkeypatch, "get_existing_edges", lambda: seen.append(read_timeline("ama")))
    messages.run_all()
    assert seen == [[]]


def test_an_undo_of_a_pull_delivered_account_is_hidden_at_once(
    messages: Messages, clock: Clock, settings: Any
) -> None:
    settings.FANOUT_PUSH_LIMIT = 1
    make_followers(messages, "ama", "mei")
    set_relation("kofi")
    messages.run_all()
    run_later(messages, clock)
    assert read_timeline("ama") == KOFIS_LIKE
    set_relation("kofi", relation=EMPTY)
    assert read_timeline("ama") == []


def test_a_like_in_the_second_of_an_undo_is_shown_and_later(messages: Messages) -> None:
    like_and_deliver(messages)
    set_relation("kofi", relation=EMPTY)
    set_relation("kofi")
    messages.run_all()
    (row,) = read_rows("ama")
    assert row.at == int(NOW) + 1
    assert read_timeline_everywhere("ama") == KOFIS_LIKE


def test_the_recheck_of_the_undo_removes_its_entry(messages: Messages, clock: Clock) -> None:
    like_and_deliver(messages)
    set_relation("kofi", relation=EMPTY)
    messages.run_all()
    assert get_entries() == {FILM: NOW}
    run_later(messages, clock)
    assert get_entries() == {}


def test_the_entry_of_a_later_undo_stays() -> None:
    set_relation("kofi")
    set_relation("kofi", relation=EMPTY)
    undone.remove(replace(get_activity(), at=int(NOW) - 30))
    assert get_entries() == {FILM: NOW}


def test_the_newest_thousand_entries_of_an_hour_are_kept() -> None:
    ttl = keys.UNDONE.ttl or 0
    old = Activity("kofi", "movie:old", EMPTY, int(NOW) - ttl - 1, 2)
    undone.add(old)
    for number in range(undone.MAX_ENTRIES + 5):
        undone.add(Activity("kofi", f"movie:{number}", EMPTY, int(NOW) + number // 100, 2))
    entries = get_entries()
    assert len(entries) == undone.MAX_ENTRIES
    assert "movie:old" not in entries
    assert f"movie:{undone.MAX_ENTRIES + 4}" in entries
    assert 0 < state_redis().ttl(keys.UNDONE.name()) <= ttl


@pytest.mark.usefixtures("active_people")
def test_the_repeat_of_an_undo_that_was_cut_off_hides_and_delivers_it(
    messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync("kofi", is_favorite=True)
    messages.run_all()

    def fail(_: Activity) -> None:
        raise RedisConnectionError("connection lost")

    with monkeypatch.context() as patch:
        patch.setattr(undone, "add", fail)
        response = get_client("kofi").post(SYNC, {"title_id": "603", "media_type": "movie"})
    assert response.status_code == 503
    assert messages.waiting == []
    assert sync("kofi")["message"] == "Nothing changed"
    assert get_entries().keys() == {"movie:603"}
    assert [message.args[:2] for message in messages.waiting] == [("kofi", "movie:603")]
    messages.run_all()
    sync("kofi")
    assert messages.waiting == []


@pytest.mark.usefixtures("active_people")
def test_an_undo_costs_one_round_trip_more_than_a_repeat(messages: Messages) -> None:
    sync("ama", is_favorite=True)
    sync("ama", status="finished")
    sync("ama")
    sync("ama", status="finished")
    with measure_cost() as spent:
        sync("ama")
    # name, profile cached, entry, presence
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 4, spent.round_trips
    assert spent.store.calls == ["record_relation"]


def test_an_erasure_removes_the_persons_entries(messages: Messages) -> None:
    set_relation("kofi")
    set_relation("kofi", relation=EMPTY)
    set_relation("yaw", "movie:2")
    set_relation("yaw", "movie:2", relation=EMPTY)
    erase("kofi")
    assert get_entries().keys() == {"movie:2"}
