"""What cannot be counted is kept within bounds, tried again, and counted once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics import keys, stream
from analytics.models import Checkpoint, DeadLetter
from analytics.services import dead_letters
from analytics.tests.events import counts, drain_all, event, taken
from content.tests.factories import ItemFactory
from core.redis.client import state_redis

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def now() -> datetime:
    return datetime.now(UTC)


def pks() -> list[int]:
    return list(DeadLetter.objects.order_by("pk").values_list("pk", flat=True))


def test_an_event_of_an_unknown_item_is_held_and_counted_in_its_own_hour_when_the_item_comes() -> None:
    taken("ama", event("late", "like"), event("made-up"))
    drain_all()
    assert counts() == {}
    assert dead_letters.retry(now=now()).counted == 0
    ItemFactory.create(id="late")
    assert dead_letters.retry(now=now()) == dead_letters.ReplayResult(counted=1, remaining=0)
    assert counts() == {("late", "like"): (1, 1, 0)}
    assert DeadLetter.objects.get().item == "made-up"


def test_an_archived_item_was_once_there_and_counts() -> None:
    ItemFactory.create(id="old", status="archived")
    taken("ama", event("old"))
    drain_all()
    assert counts()["old", "view"][0] == 1


def test_after_an_hour_only_staff_try_again() -> None:
    taken("ama", event("late"))
    drain_all()
    ItemFactory.create(id="late")
    assert dead_letters.retry(now=now() + timedelta(hours=1, minutes=1)).counted == 0
    assert dead_letters.replay(pks(), now=now()).counted == 1
    assert counts()["late", "view"] == (1, 1, 0)


def test_replaying_twice_counts_once_and_leaves_what_still_cannot_be_counted() -> None:
    taken("ama", event("late"), event("made-up"))
    drain_all()
    ItemFactory.create(id="late")
    chosen = pks()
    assert dead_letters.replay(chosen, now=now()) == dead_letters.ReplayResult(counted=1, remaining=1)
    assert dead_letters.replay(chosen, now=now()) == dead_letters.ReplayResult(counted=0, remaining=1)
    assert counts()["late", "view"][0] == 1
    assert dead_letters.discard(chosen) == 1


def test_the_retry_of_a_dead_letter_is_a_repeated_event() -> None:
    batch = [event("late")]
    taken("ama", *batch)
    drain_all()
    ItemFactory.create(id="late")
    taken("ama", *batch)
    drain_all()
    assert counts() == {}  # it waits as a letter
    dead_letters.retry(now=now())
    assert counts()["late", "view"][0] == 1


def test_a_broken_payload_is_put_aside_with_what_it_holds_and_hinders_nobody() -> None:
    ItemFactory.create(id="heat")
    shard = stream.get_shard("ama")
    state_redis().xadd(keys.EVENTS.name(shard=shard), {"9": "a layout of tomorrow", "1": b"\xff\x00["})
    taken("ama", event("heat"))
    drain_all()
    assert counts()["heat", "view"][0] == 1
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.viewer, letter.item) == ("unreadable", "", "")
    assert "a layout of tomorrow" in letter.payload
    assert dead_letters.replay(pks(), now=now()) == dead_letters.ReplayResult(counted=0, remaining=1)


def test_made_up_items_grow_neither_counts_nor_the_table_beyond_its_bounds(monkeypatch: Any) -> None:
    monkeypatch.setattr(dead_letters, "MAX_PER_VIEWER", 3)
    monkeypatch.setattr(dead_letters, "MAX_DEAD_LETTERS", 5)
    taken("script", *(event(f"made-up-{n}") for n in range(10)))
    drain_all()
    assert DeadLetter.objects.count() == 3
    taken("ama", event("late"))
    taken("script", event("made-up-again"))
    taken("kofi", event("later"), event("latest"))
    drain_all()
    assert DeadLetter.objects.count() == 5
    assert sum(Checkpoint.objects.values_list("dead_letters_lost", flat=True)) == 14 - 5
    assert counts("total") == {}


def test_letters_go_after_thirty_days() -> None:
    taken("ama", event("late"))
    drain_all()
    assert dead_letters.expire(now=now() + timedelta(days=29)) == 0
    assert dead_letters.expire(now=now() + timedelta(days=31)) == 1
