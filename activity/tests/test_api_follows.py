"""Follows and blocks over HTTP."""

import threading
from typing import Any

import pytest
from django.db import connection

from activity import timeline_cache
from activity.services import presence, profiles
from activity.store import get_store
from activity.tests.api_steps import (
    BLOCK,
    FOLLOW,
    ask,
    follow,
    ok,
    sync,
)
from activity.tests.scenarios import read_timeline
from finishd.testing.api import get_client
from finishd.testing.people import Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("active_people"),
]


class TestFollows:
    def test_lists_stats_and_mutuals(self) -> None:
        for uid, target in [("ama", "kofi"), ("kofi", "ama"), ("mei", "ama"), ("ama", "yaa")]:
            assert follow(uid, target)["message"] == "Done"
        followers = ask("kofi", "followers/ama")
        assert (followers["user_id"], followers["count"]) == ("ama", 2)
        assert [edge["uid"] for edge in followers["followers"]] == ["mei", "kofi"]
        assert set(followers["followers"][0]) == {"uid", "created_at"}
        following = ask("kofi", "following/ama", limit=1, offset=1)
        assert (following["count"], [edge["uid"] for edge in following["following"]]) == (1, ["kofi"])
        assert ask("kofi", "stats/ama")["followers_count"] == 2
        assert ask("kofi", "stats/ama")["following_count"] == 2
        assert ask("kofi", "mutuals/ama") == {"user_id": "ama", "count": 1, "mutual_ids": ["kofi"]}
        assert ask("kofi", "stats/nobody")["followers_count"] == 0

    @pytest.mark.parametrize("offset", [2, 10_000, 10_001, 10**30])
    def test_a_list_is_empty_beyond_its_end(self, offset: int) -> None:
        follow("ama", "kofi")
        assert ask("mei", "followers/kofi", offset=offset)["followers"] == []
        assert ask("mei", "following/ama", offset=offset)["following"] == []

    def test_a_repeated_follow_changes_nothing_and_queues_nothing(self, messages: Messages) -> None:
        follow("ama", "kofi")
        assert follow("ama", "kofi")["message"] == "Nothing changed"
        assert len(messages.waiting) == 1
        follow("ama", "kofi", "unfollow")
        assert follow("ama", "kofi", "unfollow")["message"] == "Nothing changed"
        assert len(messages.waiting) == 2
        assert ask("ama", "stats/ama")["following_count"] == 0

    def test_counts_are_exact_with_concurrent_follows(self) -> None:
        failures: list[Any] = []

        def act(uid: str) -> None:
            try:
                for _ in range(3):
                    follow(uid, "kofi")
                    follow(uid, "mei")
                    follow(uid, "mei", "unfollow")
            except BaseException as failure:
                failures.append(failure)
            finally:
                connection.close()

        for uid in (names_of := [f"fan-{number}" for number in range(6)]):
            presence.mark_active(uid)
        threads = [threading.Thread(target=act, args=(uid,)) for uid in names_of for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert ask("ama", "stats/kofi")["followers_count"] == 6
        assert ask("ama", "stats/mei")["followers_count"] == 0
        for uid in names_of:
            assert ask("ama", f"stats/{uid}")["following_count"] == 1
            stored = get_store().get_profile(uid)
            assert stored is not None
            assert stored.following_count == profiles.get(uid).following_count == 1

    def test_follows_are_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("activity.rules.follows.MAX_FOLLOWS", 2)
        follow("ama", "a")
        follow("ama", "b")
        answer = get_client("ama").post(FOLLOW, {"target_uid": "c", "action": "follow"})
        assert answer.status_code == 400
        assert "more than 2 follows" in answer.json()["message"]
        assert ask("ama", "stats/ama")["following_count"] == 2
        follow("ama", "a", "unfollow")
        follow("ama", "c")

    @pytest.mark.parametrize("path", [FOLLOW, BLOCK])
    def test_people_cannot_follow_or_block_themselves(self, path: str) -> None:
        verb = "follow" if path == FOLLOW else "block"
        answer = get_client("ama").post(path, {"target_uid": "ama", "action": verb})
        assert answer.status_code == 400
        assert ask("ama", "stats/ama")["following_count"] == 0

    @pytest.mark.parametrize(("blocker", "blocked"), [("ama", "kofi"), ("kofi", "ama")])
    def test_a_block_prevents_follows_in_both_directions(self, blocker: str, blocked: str) -> None:
        ok(get_client(blocker).post(BLOCK, {"target_uid": blocked, "action": "block"}))
        answer = get_client("ama").post(FOLLOW, {"target_uid": "kofi", "action": "follow"})
        assert answer.status_code == 400
        ok(get_client(blocker).post(BLOCK, {"target_uid": blocked, "action": "unblock"}))
        follow("ama", "kofi")

    def test_a_block_removes_rows_from_both_timelines_at_once(self, messages: Messages) -> None:
        follow("ama", "kofi")
        follow("kofi", "ama")
        sync("kofi", is_favorite=True)
        sync("ama", 604, is_favorite=True)
        messages.run_all()
        timeline_cache.invalidate("ama")
        ok(get_client("ama").post(BLOCK, {"target_uid": "kofi", "action": "block"}))
        assert (read_timeline("ama"), read_timeline("kofi")) == ([], [])
        assert (get_store().get_timeline("ama"), get_store().get_timeline("kofi")) == ([], [])
