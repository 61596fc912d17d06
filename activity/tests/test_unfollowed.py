"""An unfollow takes effect for readers with its response, although a task may write the rows again."""

import pytest

from activity import keys, timeline_cache, unfollowed
from activity.services import follows
from activity.store.meter import count_calls
from activity.tests.scenarios import (
    KOFIS_LIKE,
    NOW,
    follow,
    get_durable_rows,
    make_followers,
    meanwhile,
    read_timeline,
    read_timeline_everywhere,
    run_later,
    set_relation,
)
from core.redis.client import state_redis
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


def leave() -> None:
    follows.unfollow("ama", "kofi", now=NOW)


def get_unfollowed() -> set[str]:
    return set(unfollowed.read("ama").fetch(state_redis()))


def restart_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give Redis another stamp, as a restart does. What it holds stays."""
    monkeypatch.setattr(timeline_cache, "get_stamp", lambda client: "another1")


def test_a_backfill_that_is_overtaken_by_an_unfollow_shows_nothing(
    messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_followers(messages, "mei")
    set_relation("kofi")
    messages.run_all()
    follow("ama", "kofi")
    seen: list[tuple[list[str], list[str]]] = []
    meanwhile(monkeypatch, "get_activities", leave)
    meanwhile(
        monkeypatch,
        "put_timeline_rows",
        lambda: seen.append((get_durable_rows("ama"), read_timeline("ama"))),
    )
    messages.run_all()
    assert seen == [(KOFIS_LIKE, [])]  # the backfill wrote the row again, and no reader saw it
    run_later(messages, clock)
    assert read_timeline_everywhere("ama") == []


def test_a_follow_after_an_unfollow_shows_the_rows_again(messages: Messages) -> None:
    make_followers(messages, "ama")
    set_relation("kofi")
    messages.run_all()
    leave()
    assert get_unfollowed() == {"kofi"}
    follow("ama", "kofi")
    messages.run_all()
    assert get_unfollowed() == set()
    assert read_timeline_everywhere("ama") == KOFIS_LIKE


def test_the_second_purge_shows_the_person_again(messages: Messages, clock: Clock) -> None:
    make_followers(messages, "ama")
    leave()
    messages.run_all()
    assert get_unfollowed() == {"kofi"}
    run_later(messages, clock)
    assert get_unfollowed() == set()


def test_a_mark_that_a_rollback_brought_back_hides_nobody_who_is_followed(
    messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_followers(messages, "ama")
    set_relation("kofi")
    messages.run_all()
    leave()
    marks = state_redis().dump(keys.UNFOLLOWED.name(viewer="ama"))
    assert marks is not None
    follow("ama", "kofi")
    messages.run_all()
    state_redis().restore(keys.UNFOLLOWED.name(viewer="ama"), 0, marks, replace=True)
    assert read_timeline("ama") == []
    restart_redis(monkeypatch)
    assert read_timeline("ama") == KOFIS_LIKE
    assert get_unfollowed() == set()


def test_after_a_restart_the_store_is_asked_once_and_unfollowed_people_stay_hidden(
    messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_followers(messages, "ama")
    leave()
    restart_redis(monkeypatch)
    read = unfollowed.read("ama")
    with count_calls() as calls:
        assert read.fetch(state_redis()) == {"kofi"}
    assert calls.calls == ["get_existing_edges"]
    with count_calls() as calls:
        assert read.fetch(state_redis()) == {"kofi"}
    assert calls.calls == []


def test_a_late_backfill_keeps_a_later_unfollow() -> None:
    unfollowed.add("ama", "kofi", version=7)
    unfollowed.release("ama", "kofi", version=6)
    assert get_unfollowed() == {"kofi"}
    unfollowed.release("ama", "kofi", version=7)
    assert get_unfollowed() == set()


def test_a_repeated_unfollow_hides_rows_that_the_first_one_may_have_left(messages: Messages) -> None:
    make_followers(messages, "ama")
    leave()
    state_redis().delete(keys.UNFOLLOWED.name(viewer="ama"))
    leave()
    assert get_unfollowed() == {"kofi"}


def test_an_unfollow_that_a_later_follow_overtook_hides_nobody() -> None:
    unfollowed.release("ama", "kofi", version=2)  # by the backfill of the follow
    unfollowed.add("ama", "kofi", version=1)
    assert get_unfollowed() == set()
    unfollowed.add("ama", "kofi", version=3)
    assert get_unfollowed() == {"kofi"}


def test_the_newest_people_are_kept() -> None:
    for number in range(unfollowed.MAX_MEMBERS + 5):
        unfollowed.add("ama", f"author-{number}", version=number)
    assert len(get_unfollowed()) == unfollowed.MAX_MEMBERS
    assert "author-4" not in get_unfollowed()
