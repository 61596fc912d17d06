"""Test that an erasure removes every reference to a person and keeps the data of others."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connections

from activity import keys as activity_keys
from activity import timeline_cache
from activity.services import follows, presence, profiles, relations
from activity.services import privacy as activity_privacy
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.orm import OrmStore
from activity.types import Relation
from core.redis.client import state_redis
from finishd.privacy import services as privacy
from finishd.privacy.tests.people import LIKED, UNUSUAL_UIDS, deliver_everything, erase, make_busy, open_feeds
from finishd.testing.api import get_feed
from finishd.testing.inspection import cached_rows

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.mark.usefixtures("catalogue")
class TestErasing:
    def test_no_reference_to_an_active_person_remains(self, activity_store: ActivityStore) -> None:
        make_busy("ama")
        open_feeds("ama", "kofi", "esi")
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
        in_sql = {reference for reference in before if reference.startswith("sql")}
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
    def test_others_keep_their_data_and_correct_counts(self) -> None:
        make_busy("ama")
        open_feeds("ama", "kofi")
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
    def test_a_followers_feed_no_longer_names_them_even_with_an_old_cursor(self) -> None:
        make_busy("ama")
        page = get_feed("kofi", limit=5)
        name = "ama's name"
        assert any(name in item["reason"] for item in get_feed("kofi", limit=40)["feed"])
        erase("ama")
        following = get_feed("kofi", limit=40, cursor=page["meta"]["cursor"])
        assert following["meta"]["planRebuilt"]
        assert not any(name in item["reason"] for item in following["feed"])
        assert not any(name in item["reason"] for item in get_feed("kofi", limit=40)["feed"])
        assert any("esi's name" in item["reason"] for item in get_feed("kofi", limit=40)["feed"])

    def test_erasing_again_changes_nothing(self) -> None:
        make_busy("ama")
        erase("ama")
        before = privacy.find_references("kofi")
        erase("ama")
        erase("unknown")
        assert privacy.find_references("kofi") == before

    @pytest.mark.parametrize("uid", UNUSUAL_UIDS)
    def test_unusual_uids_are_erased_and_similar_ones_are_kept(self, uid: str) -> None:
        make_busy("ama")
        make_busy(uid)
        open_feeds("ama", uid, "kofi")
        before = {
            reference: n
            for reference, n in privacy.find_references("ama").items()
            if reference.startswith("store")
        }
        erase(uid)
        assert privacy.find_references(uid) == {}
        after = {
            reference: n
            for reference, n in privacy.find_references("ama").items()
            if reference.startswith("store")
        }
        assert after == before

    @pytest.mark.usefixtures("activity_store")
    def test_cached_rows_without_a_follow_edge_are_erased(self) -> None:
        make_busy("ama")
        open_feeds("kofi")
        # As when a process is killed before it updates Redis and queues a task.
        get_store().unfollow("kofi", "ama", due=0)
        assert any(row.author == "ama" for row in cached_rows("kofi") or [])
        erase("ama")
        assert privacy.find_references("ama") == {}

    @pytest.mark.usefixtures("activity_store")
    def test_an_interrupted_erasure_continues(self) -> None:
        make_busy("ama")
        for _ in range(3):
            assert not privacy.erase("ama", until=0.0)  # in the past, so only one batch is erased
            if not get_store().count_references("ama"):
                break
        erase("ama")
        assert privacy.find_references("ama") == {}

    def test_writes_during_erasures_are_erased_by_the_last_one(self) -> None:
        make_busy("ama")
        stop = threading.Event()
        failures: list[Exception] = []

        def repeat(change: Callable[[int], object]) -> None:
            number = 0
            try:
                while not stop.is_set():
                    number += 1
                    change(number)
                    time.sleep(0.01)
            except Exception as error:
                failures.append(error)
            finally:
                connections.close_all()

        def like(number: int) -> None:
            relation = LIKED if number % 2 else Relation()
            relations.set_relation(
                "ama", f"movie:{1_020 + number % 5}", relation, source=None, now=time.time()
            )

        def toggle_follow(number: int) -> None:
            set_follow = follows.follow if number % 2 else follows.unfollow
            set_follow("kofi", "ama", now=time.time())

        threads = [
            threading.Thread(target=repeat, args=(change,))
            for change in (like, toggle_follow, lambda n: open_feeds("ama"))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                erase("ama")
        finally:
            stop.set()
            for thread in threads:
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
    def test_the_cached_timelines_of_hundreds_of_followers_are_cleaned(self) -> None:
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
