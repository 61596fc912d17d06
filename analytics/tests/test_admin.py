"""Test the admin pages of event streams and dead letters."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from analytics import keys, stream
from analytics.models import Checkpoint, DeadLetter
from analytics.services import dead_letters
from analytics.tests.events import count_all, get_counts, make_body, send_events
from content.tests.factories import ItemFactory
from core.redis import client as redis_module
from core.redis.client import count_round_trips, state_redis
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

STREAMS = reverse("admin:analytics_checkpoint_changelist")
LETTERS = reverse("admin:analytics_deadletter_changelist")


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture
def stop_redis(redis_server: RedisServer) -> Iterator[Callable[[], None]]:
    """Return a function that stops Redis. Redis is started again after the test."""
    yield redis_server.stop
    redis_server.start()
    redis_module._circuit_breakers.clear()


def make_dead_letters(*items: str, viewer: str = "ama") -> None:
    send_events(viewer, *(make_body(item) for item in items))
    count_all()


def make_unreadable_dead_letter() -> None:
    state_redis().xadd(keys.EVENTS.name(shard=stream.get_shard("ama")), {"9": "a future format"})
    count_all()


def make_action(action: str, *letters: DeadLetter, query: str = "", **more: Any) -> dict[str, Any]:
    """Return the arguments of a POST that runs an admin action on dead letters."""
    data = {"action": action, "_selected_action": [letter.pk for letter in letters], **more}
    return {"path": f"{LETTERS}{query}", "data": data}


def get_listed_items(client: Client, query: str = "") -> list[str]:
    """Return the items of the dead letters on the page."""
    return [letter.item for letter in client.get(f"{LETTERS}{query}").context["cl"].result_list]


def get_messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


class TestReplay:
    def test_dead_letters_are_counted_once_and_the_message_explains_what_remains(self, staff: Client) -> None:
        make_dead_letters("late", "made-up")
        make_unreadable_dead_letter()
        ItemFactory.create(id="late")
        letters = list(DeadLetter.objects.all())
        (message,) = get_messages(staff.post(**make_action("replay", *letters), follow=True))
        assert message == (
            "1 dead letter counted. 1 not counted: the item is not in the catalogue; "
            "1 not counted: the payload is not an event."
        )
        assert get_counts()["late", "view"][0] == 1
        (message,) = get_messages(staff.post(**make_action("replay", *letters), follow=True))
        assert message.startswith("0 dead letters counted. 1 not counted")
        assert get_counts()["late", "view"][0] == 1

    def test_all_dead_letters_of_a_filter_can_be_replayed(
        self, staff: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_letters, "LETTERS_PER_TRANSACTION", 20)
        send_events("ama", *(make_body("late", eventId=f"e-{n}") for n in range(60)))
        make_unreadable_dead_letter()
        ItemFactory.create(id="late")
        selected = DeadLetter.objects.all()[:1]
        action = make_action("replay", *selected, query="?reason__exact=unknown_item", select_across=1)
        assert get_messages(staff.post(**action, follow=True)) == ["60 dead letters counted."]
        assert get_counts()["late", "view"][0] == 60
        assert DeadLetter.objects.get().reason == "unreadable"

    def test_without_redis_all_dead_letters_remain_and_staff_see_an_error(
        self, staff: Client, stop_redis: Callable[[], None]
    ) -> None:
        make_dead_letters("late")
        ItemFactory.create(id="late")
        stop_redis()
        response = staff.post(**make_action("replay", DeadLetter.objects.get()), follow=True)
        assert get_messages(response) == ["Redis is unavailable. 0 dead letters counted; the others remain."]
        assert DeadLetter.objects.count() == 1


class TestDiscard:
    def test_it_asks_for_confirmation(self, staff: Client) -> None:
        make_dead_letters("made-up", "made-up-too")
        letter = DeadLetter.objects.get(item="made-up")
        question = staff.post(**make_action("discard", letter))
        assert b"1 dead letter</strong> will be deleted" in question.content
        assert DeadLetter.objects.count() == 2
        response = staff.post(**make_action("discard", letter, confirmed=1), follow=True)
        assert get_messages(response) == ["1 dead letter discarded."]
        assert DeadLetter.objects.get().item == "made-up-too"

    def test_the_message_says_how_many_no_longer_existed(self, staff: Client) -> None:
        make_dead_letters("made-up", "late")
        action = make_action("discard", *DeadLetter.objects.all())
        assert b'name="confirmed" value="2"' in staff.post(**action).content
        ItemFactory.create(id="late")
        late = DeadLetter.objects.filter(item="late").values_list("pk", flat=True)
        dead_letters.replay(list(late), now=datetime.now(UTC))
        action["data"]["confirmed"] = 2
        messages = get_messages(staff.post(**action, follow=True))
        assert messages == ["1 of 2 dead letters discarded; the others no longer existed."]

    def test_all_dead_letters_of_a_filter_can_be_discarded(self, staff: Client) -> None:
        make_dead_letters("made-up", "made-up-too")
        make_dead_letters("made-up", viewer="kofi")
        selected = DeadLetter.objects.all()[:1]
        action = make_action("discard", *selected, query="?q=made-up", select_across=1)
        question = staff.post(**action)
        assert b"2 dead letters</strong> will be deleted" in question.content
        assert b'name="select_across" value="1"' in question.content
        action["data"]["confirmed"] = 1
        staff.post(**action)
        assert DeadLetter.objects.get().item == "made-up-too"


class TestDeadLetters:
    def test_staff_with_only_the_view_permission_can_change_nothing(self, client: Client) -> None:
        make_dead_letters("late")
        reviewer = User.objects.create_user("reviewer", is_staff=True)
        reviewer.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
        client.force_login(reviewer)
        ItemFactory.create(id="late")
        for action in ("replay", "discard", "delete_selected"):
            client.post(**make_action(action, DeadLetter.objects.get(), confirmed=1))
        assert get_listed_items(client) == ["late"]
        assert get_counts() == {}
        assert client.get(STREAMS).status_code == 403

    def test_they_cannot_be_added_or_edited_and_only_discard_deletes_them(self, staff: Client) -> None:
        make_dead_letters("made-up")
        letter = DeadLetter.objects.get()
        for view, args in (("add", []), ("delete", [letter.pk])):
            assert staff.get(reverse(f"admin:analytics_deadletter_{view}", args=args)).status_code == 403
        change = reverse("admin:analytics_deadletter_change", args=[letter.pk])
        assert staff.post(change, {"item": "heat"}).status_code == 403
        staff.post(**make_action("delete_selected", letter, post="yes"))
        assert DeadLetter.objects.get().item == "made-up"

    def test_the_state_distinguishes_retrying_from_needs_review(self, staff: Client) -> None:
        make_dead_letters("old", "new")
        expired = datetime.now(UTC) - dead_letters.RETRY_WINDOW - timedelta(minutes=1)
        DeadLetter.objects.filter(item="old").update(created_at=expired)
        make_unreadable_dead_letter()
        assert get_listed_items(staff, "?state=retrying") == ["new"]
        assert get_listed_items(staff, "?state=staff") == ["", "old"]
        page = staff.get(f"{LETTERS}?q=new").content
        assert b"retried each minute for an hour" in page
        assert b">view<" in page
        tiles = staff.get(reverse("admin:index")).context["tiles"]
        (tile,) = (tile for tile in tiles if tile.title == "Dead letters")
        assert (tile.value, tile.needs_attention) == ("2", True)
        assert tile.note == "to review; 1 retrying"
        streams = staff.get(STREAMS).content
        assert b">2</strong> dead letters need review; 1 retrying" in streams

    def test_they_are_found_by_an_exact_item_id_or_uid(self, staff: Client) -> None:
        make_dead_letters("made-up", viewer="ama")
        make_dead_letters("made-up-too", viewer="kofi")
        assert get_listed_items(staff, "?q=made-up") == ["made-up"]
        assert get_listed_items(staff, "?q=kofi") == ["made-up-too"]

    def test_the_detail_page_shows_the_payload(self, staff: Client) -> None:
        make_dead_letters("made-up")
        make_unreadable_dead_letter()
        pages = {
            letter.reason: staff.get(reverse("admin:analytics_deadletter_change", args=[letter.pk])).content
            for letter in DeadLetter.objects.all()
        }
        assert b"&quot;kind&quot;: &quot;view&quot;" in pages["unknown_item"]
        assert b"a future format" in pages["unreadable"]


class TestStreams:
    def test_one_measurement_shows_the_backlog_of_each_reader_in_each_shard(self, staff: Client) -> None:
        ItemFactory.create(id="heat")
        for viewer in ("ama", "kofi", "esi", "yaw"):
            send_events(viewer, make_body(), make_body())
        count_all()
        send_events("ama", make_body())
        with count_round_trips() as round_trips:
            page = staff.get(STREAMS)
        assert len(round_trips) == 1
        rows = list(page.context["cl"].result_list)
        assert len(rows) == Checkpoint.objects.count()
        backlogs = {(row.reader, row.shard): row.live.backlog for row in rows}
        shard = stream.get_shard("ama")
        assert backlogs["counts", shard] == 1
        assert backlogs["history", shard] > 1
        assert b"Redis is unavailable" not in page.content

    def test_without_redis_the_backlog_is_unknown(
        self, staff: Client, stop_redis: Callable[[], None]
    ) -> None:
        ItemFactory.create(id="heat")
        send_events("ama", make_body())
        count_all()
        stop_redis()
        page = staff.get(STREAMS)
        assert b"The backlog is unknown" in page.content
        rows = list(page.context["cl"].result_list)
        assert [row.live for row in rows] == [None] * Checkpoint.objects.count()
        assert len(rows) > 0
