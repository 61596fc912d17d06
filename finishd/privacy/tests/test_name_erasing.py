"""Erasures end the plans and traces of others that contain the person's name."""

import math
from typing import Any

import orjson
import pytest

from activity import keys as activity_keys
from activity.services import people
from core.redis.client import state_redis
from feed.services import privacy as feed_privacy
from finishd.privacy import services as privacy
from finishd.privacy.tests.people import erase, make_busy, open_feeds
from finishd.testing.api import get_feed

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def find_texts_with(text: str) -> list[str]:
    """Return the names of the plans and traces that contain a text."""
    client: Any = state_redis()
    slots = {name: b"".join(client.lrange(name, 0, -1)) for name in client.keys("slots:*")}
    traces = {name: client.get(name) or b"" for name in client.keys("trace:*")}
    return sorted(name.decode() for name, value in (slots | traces).items() if text.encode() in value)


def is_found(name: str, reason: str) -> bool:
    """Return whether the readers for this name find a slot and a trace with this reason."""
    text = b'{"source":"friends",' + orjson.dumps({"reason": reason})[1:]
    slots, trace = feed_privacy.make_reference_readers(name)
    found = {slots.contains_uid("uid-of-nobody", [text]), trace.contains_uid("uid-of-nobody", text)}
    assert len(found) == 1
    return found.pop()


@pytest.mark.usefixtures("catalogue", "activity_store")
class TestPlansOfOthers:
    def test_older_plans_and_traces_that_contain_the_name_end(self) -> None:
        make_busy("ama")
        old = get_feed("kofi", limit=5)
        get_feed("kofi", limit=5, refresh="true")  # only a cursor leads to the old plan now
        assert {name.partition(":")[0] for name in find_texts_with("ama's name")} == {"slots", "trace"}
        assert len([name for name in find_texts_with("ama's name") if name.startswith("slots")]) == 2
        erase("ama")
        assert find_texts_with("ama's name") == []
        assert privacy.find_references("ama") == {}
        page = get_feed("kofi", limit=5, cursor=old["meta"]["cursor"])
        assert page["meta"]["planRebuilt"]

    def test_plans_that_do_not_contain_the_name_stay(self) -> None:
        make_busy("ama")
        open_feeds("esi")
        before = state_redis().keys("plan:{esi}:*")
        assert before
        erase("yaw")
        assert state_redis().keys("plan:{esi}:*") == before

    def test_an_interrupted_erasure_keeps_the_name_until_the_plans_ended(self) -> None:
        make_busy("ama")
        get_feed("kofi", limit=5)
        get_feed("kofi", limit=5, refresh="true")
        for _ in range(50):
            if privacy.erase("ama", until=0.0):
                break
        assert privacy.erase("ama", until=math.inf)
        assert find_texts_with("ama's name") == []
        assert not state_redis().exists(activity_keys.ERASURE_NAME.name(viewer="ama"))

    def test_a_person_without_a_name_is_erased_too(self) -> None:
        people.sync_name_from_token("ama", None, None)
        open_feeds("ama")
        erase("ama")
        assert privacy.find_references("ama") == {}


class TestReaders:
    @pytest.mark.parametrize("name", ["Ama", 'Ama "A" \\ Mensah', "né 👻"])
    def test_reasons_with_the_name_are_found(self, name: str) -> None:
        reasons = ["liked this", "watched this", "wants to watch this", "and 1 other liked this"]
        assert all(is_found(name, f"{name} {reason}") for reason in reasons)

    def test_reasons_with_a_longer_or_another_name_are_not_found(self) -> None:
        assert not is_found("Ama", "Ama Mensah liked this")
        assert not is_found("Ama", "Kofi liked this")
        assert not is_found("Trending", "Trending now")

    def test_without_a_name_only_the_uid_is_found(self) -> None:
        slots, trace = feed_privacy.make_reference_readers(None)
        text = b'{"reason":"Ama liked this","friend":{"uid":"ama"}}'
        assert slots.contains_uid("ama", [text])
        assert trace.contains_uid("ama", text)
        assert not slots.contains_uid("Ama", [text])
