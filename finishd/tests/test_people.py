"""A person leaves: nothing names them any more, others keep what is theirs, whatever happens meanwhile."""

import json
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.models import CharField, JSONField, Model, TextField
from django.test.utils import isolate_apps
from django.utils import timezone

from activity import keys as activity_keys
from activity import tasks, timeline_cache
from activity.services import flushing, follows, people, presence, profiles, relations
from activity.services import privacy as activity_privacy
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.orm import OrmStore
from activity.types import Relation
from analytics import keys as analytics_keys
from analytics import stream
from analytics.models import DeadLetter
from analytics.services import privacy as analytics_privacy
from analytics.services import reader
from analytics.tests.events import count_all, make_body, send_events
from analytics.types import HISTORY_READER
from core.redis.client import state_redis
from feed.tests import world
from finishd.privacy import erasures
from finishd.privacy import services as privacy
from finishd.privacy.models import Erasure
from finishd.privacy.sql_references import UidColumn, count_sql_references, get_uid_columns
from finishd.privacy.tasks import erase as erase_task
from finishd.testing.api import get_feed
from finishd.testing.events import append_and_read_events, make_event
from finishd.testing.inspection import cached_rows

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

LIKED = Relation(favorite=True)
HOSTILE = ["a/b", "{}", "*", "a|b", "%", "[a-z]", "né", "👻" * 128, "' OR 1=1 --", "AMA", "am", "drama"]


def deliver_everything() -> None:
    """Do what workers would, until no job is left but those that wait for their second time."""
    for _ in range(3):
        for job in get_store().get_due_jobs(now=math.inf, limit=1_000):
            getattr(tasks, job.kind).apply(args=(job.subject, job.target, job.version), throw=True)


def make_busy(uid: str, *, fan: str = "kofi", friend: str = "esi", foe: str = "yaw") -> None:
    """Let somebody do all that can be done, and others things with them, by the services that the phone's calls
    reach; their feeds were looked at."""
    now = time.time()
    for name in (uid, fan, friend, foe):
        people.sync_name_from_token(name, f"{name[:20]}'s name", f"https://pictures.example/{name[:20]}.jpg")
        world.choose(name, "Drama", "Comedy")
    follows.follow(uid, friend, now=now)
    follows.follow(fan, uid, now=now)
    follows.follow(fan, friend, now=now)
    follows.follow(foe, uid, now=now)
    for number in range(6):
        relations.set_relation(uid, f"movie:{1_000 + number}", LIKED, source="search", now=now)
        relations.set_relation(friend, f"movie:{1_010 + number}", LIKED, source=None, now=now)
    relations.set_relation(uid, "movie:1006", Relation("finished", rating=5), source=None, now=now)
    relations.set_relation(uid, "movie:1000", Relation(), source=None, now=now)
    deliver_everything()
    follows.block(uid, foe, now=now)
    append_and_read_events(make_event(uid, "film-0001", at=int(now)))
    flushing.flush(now=now + 3600, until=math.inf)
    append_and_read_events(
        make_event(uid, "film-0002", at=int(now)), make_event(uid, "film-0003", "skip", at=int(now))
    )
    deliver_everything()


def look(*uids: str) -> None:
    """Open both feeds, so that there are sessions, plans, traces and served lists."""
    for uid in uids:
        for feed in ("for_you", "following"):
            page = get_feed(uid, feed_type=feed, limit=5)
            if page["meta"]["cursor"]:
                get_feed(uid, feed_type=feed, limit=5, cursor=page["meta"]["cursor"])


@pytest.fixture
def catalogue(settings: Any) -> None:
    settings.FEED_TRACE_PERCENT = 100
    world.catalogue(60)
    world.build()


def erase(uid: str) -> None:
    assert privacy.erase(uid, until=math.inf)


@pytest.mark.usefixtures("catalogue")
class TestErasing:
    def test_nothing_names_a_busy_person_any_more(self, activity_store: ActivityStore) -> None:
        make_busy("ama")
        look("ama", "kofi", "esi")
        get_store().update_pull_lists(["kofi"], "ama", listed=True)
        profiles.cache_profiles(["kofi"])
        before = privacy.find_references("ama")
        assert {
            "store: people",
            "store: activities",
            "store: follows",
            "store: timelines",
            "store: seen",
            "store: lists",
            "redis: profile:{<viewer>} of others",
            "redis: profile:{<viewer>}",
            "redis: timeline:{<viewer>}",
            "redis: timeline:{<viewer>} of others",
            "redis: session:{<viewer>}:<feed>",
            "redis: plan:{<viewer>}:<session>",
            "redis: served:{<viewer>}",
            "redis: slots:{<viewer>}:<session>",
            "redis: slots:{<viewer>}:<session> of others",
            "redis: trace:{<viewer>}:<session>:<chunk>",
            "redis: trace:{<viewer>}:<session>:<chunk> of others",
            "redis: name:{<viewer>}",
            "redis: active:{<viewer>}",
            "redis: recently-seen:{<viewer>}",
            "redis: skipped:{<viewer>}",
            "sql: activity.pendinghistory.uid",
        } <= set(before)
        in_sql = {place for place in before if place.startswith("sql")}
        if isinstance(activity_store, OrmStore):
            assert {
                "sql: activity.activity.uid",
                "sql: activity.person.uid",
                "sql: activity.person.blocked_by",
                "sql: activity.person.pull_list",
            } <= in_sql
        else:
            assert in_sql == {"sql: activity.pendinghistory.uid"}
        erase("ama")
        assert privacy.find_references("ama") == {}
        assert list(privacy.export("ama", now="now")) == [
            b'{"uid":"ama","exportedAt":"now","documents":[',
            b"]}\n",
        ]

    @pytest.mark.usefixtures("activity_store")
    def test_others_keep_what_is_theirs_and_their_counts_are_right(self) -> None:
        make_busy("ama")
        look("ama", "kofi")
        erase("ama")
        assert follows.get_stats("kofi") == (0, 1)
        assert follows.get_stats("esi") == (1, 0)
        kofi, yaw = get_store().get_profile("kofi"), get_store().get_profile("yaw")
        assert kofi is not None
        assert yaw is not None
        assert (kofi.following_count, kofi.genres) == (1, ("drama", "comedy"))
        assert yaw.blocked_uids == frozenset()
        assert {row.author for row in get_store().get_timeline("kofi")} == {"esi"}
        assert len(get_store().get_activities("esi")) == 6
        page = get_feed("kofi", feed_type="following", limit=20)
        assert {entry["friend"]["uid"] for entry in page["feed"]} == {"esi"}

    @pytest.mark.usefixtures("activity_store")
    def test_a_followers_feed_says_nothing_of_them_at_once_also_behind_a_cursor(self) -> None:
        make_busy("ama")
        page = get_feed("kofi", limit=5)
        named = "ama's name"
        assert any(named in item["reason"] for item in get_feed("kofi", limit=40)["feed"])
        erase("ama")
        following = get_feed("kofi", limit=40, cursor=page["meta"]["cursor"])
        assert following["meta"]["planRebuilt"]
        assert not any(named in item["reason"] for item in following["feed"])
        assert not any(named in item["reason"] for item in get_feed("kofi", limit=40)["feed"])
        assert any("esi's name" in item["reason"] for item in get_feed("kofi", limit=40)["feed"])

    def test_a_second_time_finds_nothing_and_harms_nobody(self) -> None:
        make_busy("ama")
        erase("ama")
        before = privacy.find_references("kofi")
        erase("ama")
        erase("nobody at all")
        assert privacy.find_references("kofi") == before

    @pytest.mark.parametrize("uid", HOSTILE)
    def test_whatever_they_are_called(self, uid: str) -> None:
        make_busy("ama")
        make_busy(uid)
        look("ama", uid, "kofi")
        before = {
            place: n for place, n in privacy.find_references("ama").items() if place.startswith("store")
        }
        erase(uid)
        assert privacy.find_references(uid) == {}
        after = {place: n for place, n in privacy.find_references("ama").items() if place.startswith("store")}
        assert after == before

    @pytest.mark.usefixtures("activity_store")
    def test_copies_that_no_edge_leads_to_go_as_well(self) -> None:
        make_busy("ama")
        look("kofi")
        get_store().unfollow("kofi", "ama", due=0)  # the process died before it told Redis and the workers
        assert any(row.author == "ama" for row in cached_rows("kofi") or [])
        erase("ama")
        assert privacy.find_references("ama") == {}

    @pytest.mark.usefixtures("activity_store")
    def test_it_goes_on_where_it_stopped(self) -> None:
        make_busy("ama")
        for _ in range(3):
            assert not privacy.erase("ama", until=0.0)  # in the past: a batch, and no more
            if not get_store().count_references("ama"):
                break
        erase("ama")
        assert privacy.find_references("ama") == {}

    def test_people_who_go_on_writing_are_gone_after_a_last_time(self) -> None:
        make_busy("ama")
        stop = threading.Event()
        failures: list[Exception] = []

        def phone(step: Callable[[int], object]) -> None:
            number = 0
            try:
                while not stop.is_set():
                    number += 1
                    step(number)
                    time.sleep(0.01)
            except Exception as reason:
                failures.append(reason)
            finally:
                connections.close_all()

        def like(number: int) -> None:
            relation = LIKED if number % 2 else Relation()
            relations.set_relation(
                "ama", f"movie:{1_020 + number % 5}", relation, source=None, now=time.time()
            )

        def turn(number: int) -> None:
            change = follows.follow if number % 2 else follows.unfollow
            change("kofi", "ama", now=time.time())

        phones = [
            threading.Thread(target=phone, args=(step,)) for step in (like, turn, lambda n: look("ama"))
        ]
        for thread in phones:
            thread.start()
        try:
            for _ in range(5):
                erase("ama")
        finally:
            stop.set()
            for thread in phones:
                thread.join()
        deliver_everything()
        assert failures == []
        erase("ama")
        assert privacy.find_references("ama") == {}
        assert follows.get_stats("kofi") == (0, 1)
        kofi = get_store().get_profile("kofi")
        assert kofi is not None
        assert kofi.following_count == 1

    @pytest.mark.slow
    def test_hundreds_of_followers_lose_them_from_their_hot_timelines(self) -> None:
        now = time.time()
        relations.set_relation("ama", "movie:1001", LIKED, source=None, now=now)
        fans = [f"fan-{number}" for number in range(activity_privacy.BATCH_SIZE + 20)]
        for fan in fans:
            get_store().follow(fan, "ama", now=now, due=now)
            presence.mark_active(fan)
            timeline_cache.load(fan, list, limit=100)
        deliver_everything()
        assert all(cached_rows(fan) for fan in fans[:3] + fans[-3:])
        erase("ama")
        assert not any(cached_rows(fan) for fan in fans)
        assert not state_redis().exists(activity_keys.ERASURE_CONTACTS.name(viewer="ama"))
        assert privacy.find_references("ama") == {}


class TestEvents:
    def test_what_waits_is_said_and_what_could_not_be_counted_goes(self) -> None:
        put_aside("ama", "made-up")
        put_aside("kofi", "made-up")
        unreadable("ama")
        send_events("ama", make_body("heat"))
        assert privacy.find_references("ama") == {
            "redis: events:{<shard>}": 1,
            "sql: analytics.deadletter.viewer": 1,
            "sql: analytics.deadletter.payload": 2,
        }
        (document,) = [entry for name, entry in analytics_privacy.export("ama") if name == "dead_letters"]
        assert (document["item"], document["reason"]) == ("made-up", "unknown_item")
        erase("ama")
        assert privacy.find_references("ama") == {"redis: events:{<shard>}": 1}
        assert DeadLetter.objects.get().viewer == "kofi"
        read_by_all()  # what a worker does within seconds; it makes a letter once more
        erase("ama")
        assert privacy.find_references("ama") == {}
        assert DeadLetter.objects.get().viewer == "kofi"

    def test_a_request_is_not_done_while_an_event_waits(self) -> None:
        send_events("ama", make_body("heat"))
        now = timezone.now()
        request = erasures.request_erasure("ama", now=now)
        assert erasures.run_erasure(request.pk, now=now, until=math.inf)
        request.refresh_from_db()
        assert (request.erased_at, request.remaining) == (None, {"redis: events:{<shard>}": 1})

    def test_what_a_reader_that_died_left_behind_is_dropped(self) -> None:
        send_events("ama", make_body("heat"))
        read_by_all(trim=False)
        assert privacy.find_references("ama")["redis: events:{<shard>}"] == 1
        erase("ama")
        assert privacy.find_references("ama") == {}

    @pytest.mark.parametrize("uid", HOSTILE)
    def test_whatever_they_are_called(self, uid: str) -> None:
        put_aside("ama", "drama")
        put_aside(uid, "made-up")
        unreadable(uid)
        erase(uid)
        assert privacy.find_references(uid) == {}
        assert DeadLetter.objects.filter(viewer="ama").exists() == (uid != "drama")  # an item of that name


def put_aside(uid: str, item: str) -> None:
    """An event of an item that is not there becomes a dead letter."""
    send_events(uid, make_body(item))
    read_by_all()


def unreadable(uid: str) -> None:
    """An entry that is no event, and names somebody."""
    state_redis().xadd(analytics_keys.EVENTS.name(shard=stream.get_shard(uid)), {"9": orjson.dumps([7, uid])})
    read_by_all()


def read_by_all(*, trim: bool = True) -> None:
    """What the readers' tasks do, or die before the last step of."""
    now = time.time()
    with nullcontext() if trim else patch("analytics.stream.trim"):
        count_all()
        for shard in reader.get_shards_with_backlog(HISTORY_READER):
            while (batch := reader.read_batch(HISTORY_READER, shard, now=now)) is not None:
                reader.advance_checkpoint(batch, now=now)
                reader.trim_read_entries(shard)


def models_of_people() -> list[type[Model]]:
    return [model for label in privacy.APPS_WITH_PEOPLE for model in apps.get_app_config(label).get_models()]


def get_columns(model: type[Model]) -> list[UidColumn]:
    return get_uid_columns(model, without_uid=privacy.COLUMNS_WITHOUT_UID)


class TestVerifier:
    def test_every_text_column_is_searched_or_declared_to_hold_no_uid(self) -> None:
        declared = set(privacy.COLUMNS_WITHOUT_UID)
        for model in models_of_people():
            texts = {
                f"{model._meta.label}.{field.name}": field
                for field in model._meta.concrete_fields
                if isinstance(field, CharField | TextField | JSONField)
            }
            searched = {f"{model._meta.label}.{field.name}" for field in get_columns(model)}
            assert texts.keys() - searched == declared & texts.keys()
            assert all("uid" not in name for name in texts.keys() - searched)
            assert all(
                texts[name].max_length == 128 or isinstance(texts[name], JSONField | TextField)
                for name in searched
            )

    def test_every_declared_column_exists(self) -> None:
        columns = {
            f"{model._meta.label}.{field.name}"
            for model in models_of_people()
            for field in model._meta.concrete_fields
        }
        assert columns >= privacy.COLUMNS_WITHOUT_UID

    @isolate_apps("activity")
    def test_an_undeclared_column_is_searched_whatever_its_name_is_in_other_models(self) -> None:
        class Note(Model):
            name = CharField(max_length=128)
            title = TextField()
            items = JSONField()

            class Meta:
                app_label = "activity"

            def __str__(self) -> str:
                return self.name

        assert [field.name for field in get_columns(Note)] == ["name", "title", "items"]

    def test_a_uid_in_an_undeclared_column_is_found(self) -> None:
        people.sync_name_from_token("kofi", "ama", None)
        assert privacy.find_references("ama") == {}
        undeclared = privacy.COLUMNS_WITHOUT_UID - {"activity.Person.name"}
        assert count_sql_references("ama", app_labels=["activity"], without_uid=undeclared) == {
            "sql: activity.person.name": 1
        }

    def test_it_tells_people_apart_whose_uids_are_alike(self) -> None:
        now = time.time()
        for uid in ("ama", "AMA", "am"):
            follows.block("kofi", uid, now=now)
        assert privacy.find_references("ama")["sql: activity.person.blocked"] == 1
        assert privacy.find_references("a") == {}

    def test_it_changes_nothing(self) -> None:
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        before = {key: state_redis().pttl(key) > 0 for key in state_redis().keys("*ama*")}
        privacy.find_references("ama")
        assert {key: state_redis().pttl(key) > 0 for key in state_redis().keys("*ama*")} == before


class TestRequests:
    def test_it_is_done_after_a_second_look_and_forgets_the_uid(self) -> None:
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        now = timezone.now()
        request = erasures.request_erasure("ama", now=now)
        assert state_redis().llen("default") == 1
        erase_task.apply(args=(request.pk,), throw=True)
        request.refresh_from_db()
        assert (request.uid, request.verified_at, request.remaining) == ("ama", None, {})
        assert request.erased_at is not None
        assert privacy.find_references("ama") == {}
        relations.set_relation(
            "ama", "movie:2", LIKED, source=None, now=time.time()
        )  # a phone that has a token yet
        later = now + erasures.VERIFY_AFTER + timedelta(minutes=1)
        assert erasures.sweep_erasures(now=now + timedelta(minutes=20)) == 0
        assert erasures.sweep_erasures(now=later) == 1
        assert erasures.run_erasure(request.pk, now=later, until=math.inf)
        request.refresh_from_db()
        assert (request.uid, request.verified_at, request.remaining) == ("", later, {})
        assert privacy.find_references("ama") == {}
        assert erasures.sweep_erasures(now=later + timedelta(days=1)) == 0

    def test_asking_twice_is_asking_once_and_again_later_is_new(self) -> None:
        now = timezone.now()
        first = erasures.request_erasure("ama", now=now)
        assert erasures.request_erasure("ama", now=now).pk == first.pk
        Erasure.objects.filter(pk=first.pk).update(verified_at=now, uid="")
        assert erasures.request_erasure("ama", now=now).pk != first.pk

    def test_a_request_whose_message_was_lost_is_taken_up_by_beat(self) -> None:
        now = timezone.now()
        erasures.request_erasure("ama", now=now)
        state_redis().flushall()
        assert erasures.sweep_erasures(now=now + timedelta(minutes=11)) == 1
        assert state_redis().llen("default") == 1

    def test_more_than_a_stretch_goes_on_in_another_message(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("finishd.privacy.tasks.ERASE_SLICE_SECONDS", -1.0)
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        request = erasures.request_erasure("ama", now=timezone.now())
        state_redis().delete("default")
        erase_task.apply(args=(request.pk,), throw=True)
        assert state_redis().llen("default") == 1

    @pytest.mark.parametrize("uid", ["", "x" * 129, "a\0b", "a\nb"])
    def test_nobody_is_called_that(self, uid: str) -> None:
        with pytest.raises(ValueError, match="128 printable"):
            erasures.request_erasure(uid, now=timezone.now())
        for command in ("erase_user", "export_user"):
            with pytest.raises(CommandError, match="128 printable"):
                call_command(command, uid)
        assert not Erasure.objects.exists()


class TestCommands:
    def test_it_asks_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        monkeypatch.setattr("builtins.input", lambda prompt: "no")
        with pytest.raises(CommandError, match="Nothing was erased"):
            call_command("erase_user", "ama", stdout=StringIO())
        assert get_store().get_profile("ama") is not None
        monkeypatch.setattr("builtins.input", lambda prompt: "ama")
        out = StringIO()
        call_command("erase_user", "ama", stdout=out)
        assert "No reference to ama remains" in out.getvalue()
        assert privacy.find_references("ama") == {}
        assert Erasure.objects.get().erased_at is not None

    def test_of_a_stranger_it_says_that_there_is_nothing(self) -> None:
        out = StringIO()
        call_command("erase_user", "nobody", "--yes", stdout=out)
        assert out.getvalue() == "There is no data about nobody.\n"

    def test_an_export_ends_quietly_when_nobody_reads_on(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as out:  # to close it writes what is in the buffer
            call_command("export_user", "nobody", stdout=out)

    @pytest.mark.usefixtures("activity_store", "catalogue")
    def test_an_export_is_one_json_document_of_what_was_put_in(self, tmp_path: Path) -> None:
        make_busy("ama")
        look("ama")
        out = StringIO()
        call_command("export_user", "ama", stdout=out)
        document = json.loads(out.getvalue())
        assert document["uid"] == "ama"
        by_collection: dict[str, list[dict[str, Any]]] = {}
        for entry in document["documents"]:
            by_collection.setdefault(entry["collection"], []).append(entry["document"])
        assert {"people", "activities", "follows", "timelines", "seen", "served", "pending_history"} == set(
            by_collection
        )
        (waiting,) = by_collection["pending_history"]
        assert waiting["delta"]["seen"].keys() == {"film-0002", "film-0003"}
        (person,) = by_collection["people"]
        assert person["name"] == "ama's name"
        assert "yaw" in json.dumps(person["blocked"])
        assert "blocked_by" not in person
        assert {a["title"] for a in by_collection["activities"]} >= {"movie:1001", "movie:1006"}
        served = {entry["item"] for entry in by_collection["served"]}
        assert {item["id"] for item in get_feed("ama", limit=5)["feed"]} <= served
        file = tmp_path / "ama.json"
        call_command("export_user", "ama", output=file, stderr=StringIO())
        assert json.loads(file.read_text()).keys() == document.keys()
        assert file.stat().st_mode & 0o077 == 0
        with pytest.raises(CommandError, match="cannot be written"):
            call_command("export_user", "ama", output=file)
