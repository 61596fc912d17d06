"""Test that dead letters are stored within limits, retried, and counted once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from activity.tasks import read_shard_history
from analytics import keys, stream
from analytics.models import Checkpoint, DeadLetter
from analytics.services import dead_letters
from analytics.services.dead_letters import ReplayResult
from analytics.tests.events import count_all, get_counts, make_body, send_events
from content.tests.factories import ItemFactory
from core.redis.client import state_redis

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def now() -> datetime:
    return datetime.now(UTC)


def get_pks() -> list[int]:
    return list(DeadLetter.objects.order_by("pk").values_list("pk", flat=True))


def test_an_event_of_an_unknown_item_is_retried_and_counted_when_the_item_arrives() -> None:
    send_events("ama", make_body("late", "like"), make_body("made-up"))
    count_all()
    assert get_counts() == {}
    assert dead_letters.retry(now=now()).counted == 0
    ItemFactory.create(id="late")
    assert dead_letters.retry(now=now()) == ReplayResult(counted=1, remaining=0)
    assert get_counts() == {("late", "like"): (1, 1, 0)}
    assert DeadLetter.objects.get().item == "made-up"


def test_an_event_of_an_archived_item_is_counted() -> None:
    ItemFactory.create(id="old", status="archived")
    send_events("ama", make_body("old"))
    count_all()
    assert get_counts()["old", "view"][0] == 1


def test_after_an_hour_only_staff_can_replay() -> None:
    send_events("ama", make_body("late"))
    count_all()
    ItemFactory.create(id="late")
    assert dead_letters.retry(now=now() + timedelta(hours=1, minutes=1)).counted == 0
    assert dead_letters.replay(get_pks(), now=now()).counted == 1
    assert get_counts()["late", "view"] == (1, 1, 0)


def test_replaying_twice_counts_once_and_keeps_what_cannot_be_counted() -> None:
    send_events("ama", make_body("late"), make_body("made-up"))
    count_all()
    ItemFactory.create(id="late")
    pks = get_pks()
    assert dead_letters.replay(pks, now=now()) == ReplayResult(counted=1, remaining=1)
    assert dead_letters.replay(pks, now=now()) == ReplayResult(counted=0, remaining=1)
    assert get_counts()["late", "view"][0] == 1
    assert dead_letters.discard(pks) == 1


def test_a_phones_retry_of_a_dead_letter_is_a_duplicate() -> None:
    batch = [make_body("late")]
    send_events("ama", *batch)
    count_all()
    ItemFactory.create(id="late")
    send_events("ama", *batch)
    count_all()
    assert get_counts() == {}  # The event is still a dead letter.
    dead_letters.retry(now=now())
    assert get_counts()["late", "view"][0] == 1


def test_an_unreadable_entry_becomes_a_dead_letter_and_other_events_are_counted() -> None:
    ItemFactory.create(id="heat")
    shard = stream.get_shard("ama")
    state_redis().xadd(keys.EVENTS.name(shard=shard), {"9": "a future format", "1": b"\xff\x00["})
    send_events("ama", make_body("heat"))
    count_all()
    assert get_counts()["heat", "view"][0] == 1
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.viewer, letter.item) == ("unreadable", "", "")
    assert "a future format" in letter.payload
    assert dead_letters.replay(get_pks(), now=now()) == ReplayResult(counted=0, remaining=1)


@pytest.mark.parametrize(
    "change",
    [
        {5: ""},  # no dedup key
        {5: 7},
        {1: "he\0at"},
        {0: ["ama"]},
        {2: {}},
        {3: 2**60},
        {3: -1},
        {4: -5},
        {4: 2**60},
    ],
)
def test_an_entry_with_an_impossible_value_does_not_stop_the_readers(change: dict[int, Any]) -> None:
    ItemFactory.create(id="heat")
    values: list[Any] = ["ama", "heat", "view", int(now().timestamp()), 5, "AAAAAAAAAAAAAAAA"]
    shard = stream.get_shard("ama")
    for number, each in enumerate((change, {6: "surplus"})):
        body = [*values, ""]
        for index, value in each.items():
            body[index] = value
        body[5] = body[5] if 5 in each else f"AAAAAAAAAAAAAAA{number}"
        state_redis().xadd(keys.EVENTS.name(shard=shard), {"1": orjson.dumps(body)})
    send_events("ama", make_body("heat"))
    count_all()
    read_shard_history.apply(args=(shard,), throw=True)
    assert get_counts()["heat", "view"][0] == 2
    assert [letter.reason for letter in DeadLetter.objects.all()] == ["unreadable"]


@pytest.mark.parametrize("payload", ["", "[]", "5", '{"1": 5}', '{"1": "[]"}', '{"1": null}'])
def test_an_unreadable_dead_letter_stays(payload: str) -> None:
    letter = DeadLetter.objects.create(
        shard=0, entry_id="1-0", reason="unknown_item", payload=payload, created_at=now()
    )
    assert dead_letters.replay([letter.pk], now=now()) == ReplayResult(counted=0, remaining=1)


def test_invented_items_fill_neither_the_counts_nor_the_table(monkeypatch: Any) -> None:
    monkeypatch.setattr(dead_letters, "MAX_PER_VIEWER", 3)
    monkeypatch.setattr(dead_letters, "MAX_DEAD_LETTERS", 5)
    send_events("script", *(make_body(f"made-up-{n}") for n in range(10)))
    count_all()
    assert DeadLetter.objects.count() == 3
    send_events("ama", make_body("late"))
    send_events("script", make_body("made-up-again"))
    send_events("kofi", make_body("later"), make_body("latest"))
    count_all()
    assert DeadLetter.objects.count() == 5
    assert sum(Checkpoint.objects.values_list("dead_letters_lost", flat=True)) == 14 - 5
    assert get_counts("total") == {}


def test_dead_letters_are_deleted_after_thirty_days() -> None:
    send_events("ama", make_body("late"))
    count_all()
    assert dead_letters.expire(now=now() + timedelta(days=29)) == 0
    assert dead_letters.expire(now=now() + timedelta(days=31)) == 1
