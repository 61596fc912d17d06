"""Staff look at streams and dead letters, and replay or discard what they choose."""

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
from analytics.tests.events import counts, drain_all, event, taken
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
def redis_away(redis_server: RedisServer) -> Iterator[Callable[[], None]]:
    """Take Redis away; afterwards it is there again."""
    yield redis_server.stop
    redis_server.start()
    redis_module._circuit_breakers.clear()


def put_aside(*items: str, viewer: str = "ama") -> None:
    taken(viewer, *(event(item) for item in items))
    drain_all()


def unreadable() -> None:
    state_redis().xadd(keys.EVENTS.name(shard=stream.get_shard("ama")), {"9": "a layout of tomorrow"})
    drain_all()


def choose(action: str, *letters_: DeadLetter, of: str = "", **more: Any) -> dict[str, Any]:
    return {"path": f"{LETTERS}{of}", "data": {
        "action": action, "_selected_action": [letter.pk for letter in letters_], **more}}  # fmt: skip


def shown(client: Client, query: str = "") -> list[str]:
    """The items of the letters on the page."""
    return [letter.item for letter in client.get(f"{LETTERS}{query}").context["cl"].result_list]


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


class TestReplay:
    def test_what_is_chosen_is_counted_once_and_what_stays_says_why(self, staff: Client) -> None:
        put_aside("late", "made-up")
        unreadable()
        ItemFactory.create(id="late")
        every = list(DeadLetter.objects.all())
        (message,) = said(staff.post(**choose("replay", *every), follow=True))
        assert message == (
            "1 dead letter counted. 1 not counted: the item is not in the catalogue; "
            "1 not counted: the payload is not an event."
        )
        assert counts()["late", "view"][0] == 1
        again = staff.post(**choose("replay", *every), follow=True)
        assert said(again)[0].startswith("0 dead letters counted. 1 not counted")
        assert counts()["late", "view"][0] == 1

    def test_all_that_a_filter_finds_is_more_than_a_page(
        self, staff: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_letters, "LETTERS_PER_TRANSACTION", 20)
        taken("ama", *(event("late", eventId=f"e-{n}") for n in range(60)))
        unreadable()
        ItemFactory.create(id="late")
        query = "?reason__exact=unknown_item"
        chosen = choose("replay", DeadLetter.objects.first(), of=query, select_across=1)  # type: ignore[arg-type]
        assert said(staff.post(**chosen, follow=True)) == ["60 dead letters counted."]
        assert counts()["late", "view"][0] == 60
        assert DeadLetter.objects.get().reason == "unreadable"

    def test_without_redis_nothing_is_lost_and_it_says_so(
        self, staff: Client, redis_away: Callable[[], None]
    ) -> None:
        put_aside("late")
        ItemFactory.create(id="late")
        redis_away()
        answer = staff.post(**choose("replay", DeadLetter.objects.get()), follow=True)
        assert said(answer) == ["Redis is unavailable. 0 dead letters counted; the others remain."]
        assert DeadLetter.objects.count() == 1


class TestDiscard:
    def test_it_asks_first(self, staff: Client) -> None:
        put_aside("made-up", "made-up-too")
        chosen = DeadLetter.objects.get(item="made-up")
        assert b"1 dead letter</strong> will be deleted" in staff.post(**choose("discard", chosen)).content
        assert DeadLetter.objects.count() == 2
        answer = staff.post(**choose("discard", chosen, confirmed=1), follow=True)
        assert said(answer) == ["1 dead letter discarded."]
        assert DeadLetter.objects.get().item == "made-up-too"

    def test_it_says_how_many_were_still_there(self, staff: Client) -> None:
        put_aside("made-up", "late")
        chosen = choose("discard", *DeadLetter.objects.all())
        assert b'name="confirmed" value="2"' in staff.post(**chosen).content
        ItemFactory.create(id="late")
        late = DeadLetter.objects.filter(item="late").values_list("pk", flat=True)
        dead_letters.replay(list(late), now=datetime.now(UTC))
        chosen["data"]["confirmed"] = 2
        told = said(staff.post(**chosen, follow=True))
        assert told == ["1 of 2 dead letters discarded; the others no longer existed."]

    def test_all_that_a_filter_finds(self, staff: Client) -> None:
        put_aside("made-up", "made-up-too")
        put_aside("made-up", viewer="kofi")
        everything = choose("discard", *DeadLetter.objects.all()[:1], of="?q=made-up", select_across=1)
        question = staff.post(**everything)
        assert b"2 dead letters</strong> will be deleted" in question.content
        assert b'name="select_across" value="1"' in question.content
        everything["data"]["confirmed"] = 1
        staff.post(**everything)
        assert DeadLetter.objects.get().item == "made-up-too"


class TestLetters:
    def test_who_may_only_look_changes_nothing(self, client: Client) -> None:
        put_aside("late")
        looker = User.objects.create_user("looker", is_staff=True)
        looker.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
        client.force_login(looker)
        ItemFactory.create(id="late")
        for action in ("replay", "discard", "delete_selected"):
            client.post(**choose(action, DeadLetter.objects.get(), confirmed=1))
        assert shown(client) == ["late"]
        assert client.get(STREAMS).status_code == 403

    def test_they_are_made_and_edited_by_nobody_and_deleted_in_one_way(self, staff: Client) -> None:
        put_aside("made-up")
        letter = DeadLetter.objects.get()
        for view, args in (("add", []), ("delete", [letter.pk])):
            assert staff.get(reverse(f"admin:analytics_deadletter_{view}", args=args)).status_code == 403
        change = reverse("admin:analytics_deadletter_change", args=[letter.pk])
        assert staff.post(change, {"item": "heat"}).status_code == 403
        staff.post(**choose("delete_selected", letter, post="yes"))
        assert DeadLetter.objects.get().item == "made-up"

    def test_those_that_wait_for_staff_are_told_from_those_that_are_held(self, staff: Client) -> None:
        put_aside("old", "new")
        an_hour_ago = datetime.now(UTC) - dead_letters.RETRY_WINDOW - timedelta(minutes=1)
        DeadLetter.objects.filter(item="old").update(created_at=an_hour_ago)
        unreadable()
        assert shown(staff, "?state=retrying") == ["new"]
        assert shown(staff, "?state=staff") == ["", "old"]
        page = staff.get(f"{LETTERS}?q=new").content
        assert b"retried each minute for an hour" in page
        assert b">view<" in page
        tile = next(
            t for t in staff.get(reverse("admin:index")).context["tiles"] if t.title == "Dead letters"
        )
        assert (tile.value, tile.alarming) == ("2", True)
        assert tile.note == "wait for staff; 1 more is held and tried again"
        streams = staff.get(STREAMS).content
        assert b">2</strong> dead letters need review; 1 retrying" in streams

    def test_they_are_found_by_a_whole_item_or_uid(self, staff: Client) -> None:
        put_aside("made-up", viewer="ama")
        put_aside("made-up-too", viewer="kofi")
        assert shown(staff, "?q=made-up") == ["made-up"]
        assert shown(staff, "?q=kofi") == ["made-up-too"]

    def test_one_shows_what_came(self, staff: Client) -> None:
        put_aside("made-up")
        unreadable()
        pages = {
            letter.reason: staff.get(reverse("admin:analytics_deadletter_change", args=[letter.pk])).content
            for letter in DeadLetter.objects.all()
        }
        assert b"&quot;kind&quot;: &quot;view&quot;" in pages["unknown_item"]
        assert b"a layout of tomorrow" in pages["unreadable"]


class TestStreams:
    def test_each_reader_of_each_shard_shows_how_far_it_is_by_one_measurement(self, staff: Client) -> None:
        ItemFactory.create(id="heat")
        for viewer in ("ama", "kofi", "esi", "yaw"):
            taken(viewer, event(), event())
        drain_all()
        taken("ama", event())
        with count_round_trips() as waits:
            page = staff.get(STREAMS)
        assert len(waits) == 1
        rows = list(page.context["cl"].result_list)
        assert len(rows) == Checkpoint.objects.count()
        by_name = {(row.reader, row.shard): row.live.backlog for row in rows}
        shard = stream.get_shard("ama")
        assert by_name["counts", shard] == 1
        assert by_name["history", shard] > 1
        assert b"is unavailable" not in page.content

    def test_without_redis_what_waits_is_unknown(self, staff: Client, redis_away: Callable[[], None]) -> None:
        ItemFactory.create(id="heat")
        taken("ama", event())
        drain_all()
        redis_away()
        page = staff.get(STREAMS)
        assert b"The backlog is unknown" in page.content
        assert all(row.live is None for row in page.context["cl"].result_list)
