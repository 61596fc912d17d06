"""What the phone says and asks, over HTTP: what it costs, what a repeat does, what is kept."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from activity import keys, timeline_cache
from activity.services import names, presence, profiles
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.meter import CallTally, count_calls
from activity.tests.deeds import seen, shown
from content.models import Item
from content.services import items
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips, state_redis
from finishd.testing.api import THROTTLE_ROUND_TRIPS, get_client, get_token
from finishd.testing.people import Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]
SYNC = "/api/v1/user-titles/sync"
FOLLOW = "/api/v1/social/follow"
BLOCK = "/api/v1/social/block"


@pytest.fixture(autouse=True)
def _here(activity_store: ActivityStore, messages: Messages) -> None:
    """Three people who are about; their messages wait for the test."""
    for uid in ("ama", "kofi", "mei"):
        presence.mark_active(uid)
        get_token(uid)


def sync(uid: str, number: int = 603, **relation: Any) -> dict[str, Any]:
    body = {"title_id": str(number), "media_type": "movie", "title": "The Matrix", **relation}
    return ok(get_client(uid).post(SYNC, body))


def follow(uid: str, target: str, action: str = "follow") -> dict[str, Any]:
    return ok(get_client(uid).post(FOLLOW, {"target_uid": target, "action": action}))


def ok(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def ask(uid: str, path: str, **query: Any) -> dict[str, Any]:
    return ok(get_client(uid).get(f"/api/v1/social/{path}", query))


@dataclass
class Cost:
    waits: list[str] = field(default_factory=list)
    store: CallTally = field(default_factory=CallTally)


@contextmanager
def cost() -> Iterator[Cost]:
    spent = Cost()
    with count_round_trips() as waits, count_calls() as tally:
        yield spent
    spent.waits, spent.store = waits, tally


class TestCosts:
    """The second request of its kind: scripts are known to Redis, the names and profiles are warm."""

    @pytest.fixture(autouse=True)
    def _warm(self, _here: None, messages: Messages) -> None:
        ItemFactory.create(id="matrix", media_type="movie", tmdb_id=603)
        sync("ama", 604, is_favorite=True)
        follow("ama", "mei")
        follow("ama", "mei", "unfollow")
        messages.run_all()

    def test_a_like(self) -> None:
        sync("ama", 603, rating=3)  # the title's genres are warm
        with cost() as spent:
            sync("ama", 603, is_favorite=True)
        # known by name, items of the title, their facts (genres), profile written, here lately
        assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 5, spent.waits
        assert spent.store.calls == ["record_relation"]
        assert spent.store.documents == 3  # activity, person, job

    def test_a_repeat(self) -> None:
        sync("ama", 603, is_favorite=True)
        with cost() as spent:
            sync("ama", 603, is_favorite=True)
        assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 4, (
            spent.waits
        )  # as a like, with nothing to write through
        assert spent.store.calls == ["record_relation"]

    def test_a_follow_and_an_unfollow(self) -> None:
        with cost() as spent:
            follow("ama", "kofi")
        # known by name, profile, here lately, profile written
        assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 4, spent.waits
        assert spent.store.calls == ["follow", "get_profile"]  # how the other's deeds travel
        assert spent.store.documents == 3 + 1
        with cost() as spent:
            follow("ama", "kofi", "unfollow")
        # known by name, profile written, rows purged
        assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 3, spent.waits
        assert spent.store.calls == ["unfollow", "get_titles_by_author"]
        assert spent.store.documents == 3

    def test_a_block(self) -> None:
        ok(get_client("ama").post(BLOCK, {"target_uid": "kofi", "action": "block"}))
        with cost() as spent:
            ok(get_client("ama").post(BLOCK, {"target_uid": "mei", "action": "block"}))
        # both profiles written, both timelines purged
        assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 4, spent.waits
        assert spent.store.calls == ["set_block", "get_titles_by_author", "get_titles_by_author"]

    @pytest.mark.parametrize(
        ("path", "calls", "documents"),
        [
            ("followers/kofi", ["get_followers"], 2),
            ("following/ama", ["get_following"], 1),
            ("stats/kofi", ["count_followers", "count_following"], 2),
            ("mutuals/ama", ["get_following", "get_existing_edges"], 2),
        ],
    )
    def test_lists(self, path: str, calls: list[str], documents: int) -> None:
        follow("ama", "kofi")
        follow("mei", "kofi")
        with cost() as spent:
            ask("ama", path)
        assert len(spent.waits) == THROTTLE_ROUND_TRIPS, spent.waits
        assert spent.store.calls == calls
        assert spent.store.documents == documents

    def test_a_delivery_costs_the_same_for_five_followers_as_for_fifty(self, messages: Messages) -> None:
        for number in range(50):
            presence.mark_active(f"fan-{number}")
            get_store().follow(f"fan-{number}", "kofi" if number < 5 else "mei", now=0, due=0)
        costs = []
        for author in ("kofi", "mei"):
            sync(author, 605, is_favorite=True)
            messages.run_all()
            sync(author, 605, is_favorite=True, rating=5)
            with cost() as spent:
                messages.run_all()
            costs.append((spent.store.calls, spent.waits))
        assert costs[0] == costs[1]
        assert costs[0][0] == [
            "get_activity",
            "count_followers",
            "get_profile",  # reach
            "get_follower_uids",
            "put_timeline_rows",
            "get_existing_edges",  # who still follows
            "get_activity",  # and whether it still is so
            "save_ledger",
            "put_job",  # the second pass
            "finish_job",
        ]
        assert len(costs[0][1]) == 5  # profile written, who is here, name, hot copies, lag noted


class TestTitles:
    def test_a_repeat_changes_nothing_and_is_not_sent(self, messages: Messages) -> None:
        first = sync("ama", is_favorite=True)
        assert (first["success"], first["user_id"], first["title_id"]) == (True, "ama", "603")
        assert (first["status"], first["is_favorite"], first["message"]) == (None, True, "Saved")
        assert len(messages.waiting) == 1
        before = get_store().get_activity("ama", "movie:603")
        again = sync("ama", is_favorite=True, source="friend")
        assert again["message"] == "Nothing changed"
        assert len(messages.waiting) == 1
        assert get_store().get_activity("ama", "movie:603") == before

    def test_films_and_series_of_one_number_are_two_titles(self) -> None:
        sync("ama", 1, is_favorite=True)
        sync("ama", 1, media_type="tv", status="watching")
        assert {a.title for a in get_store().get_activities("ama")} == {"movie:1", "tv:1"}

    def test_the_body_states_the_whole_relation(self) -> None:
        sync("ama", status="watching", rating=4, is_favorite=True)
        sync("ama", rating=4)
        activity = get_store().get_activity("ama", "movie:603")
        assert activity is not None
        assert (activity.relation.status, activity.relation.favorite, activity.relation.rating) == (
            None,
            False,
            4,
        )
        sync("ama")
        assert get_store().get_activities("ama") == []

    def test_another_rating_is_delivered_and_does_not_move_it(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        follow("ama", "kofi")
        now = time.time()
        monkeypatch.setattr("activity.views.time.time", lambda: now)
        sync("kofi", 1, status="finished", rating=3)
        monkeypatch.setattr("activity.views.time.time", lambda: now + 60)
        sync("kofi", 2, status="finished")
        monkeypatch.setattr("activity.views.time.time", lambda: now + 120)
        sync("kofi", 1, status="finished", rating=5)
        messages.run_all()
        assert [(row.title, row.at, row.rating) for row in seen("ama")] == [
            ("movie:2", int(now + 60), None),
            ("movie:1", int(now), 5),
        ]

    def test_affinities_rise_and_fall(self) -> None:
        ItemFactory.create(id="matrix", media_type="movie", tmdb_id=603, genres=["Drama", "Comedy"])
        sync("ama", is_favorite=True)
        # a favourite adds 1 to the primary genre and a half to the second; three make an affinity of one half
        assert dict(profiles.get("ama").affinities) == {"drama": 0.25, "comedy": 0.1429}
        sync("ama", rating=3)
        assert dict(profiles.get("ama").affinities) == {"drama": 0.0769, "comedy": 0.04}
        sync("ama", rating=1)
        assert profiles.get("ama").affinities == {}
        sync("ama", is_favorite=True, rating=1)
        sync("ama")
        assert profiles.get("ama").affinities == {}

    def test_titles_picked_at_the_start_count_half_and_give_way_to_others(self) -> None:
        ItemFactory.create(id="matrix", media_type="movie", tmdb_id=603, genres=["Drama"])
        ItemFactory.create(id="wire", media_type="tv", tmdb_id=603, genres=["Comedy"])
        path, title = "/api/v1/user/preferences/sync", {"id": 603, "title": "One of them"}
        ok(get_client("ama").post(path, {"selectedMovies": [title], "selectedShows": [title]}))
        half = round(0.5 / 3.5, 4)
        assert dict(profiles.get("ama").affinities) == {"drama": half, "comedy": half}
        version = profiles.get("ama").version
        ok(get_client("ama").post(path, {"selectedMovies": [title]}))
        assert profiles.get("ama").version == version
        ok(get_client("ama").post(path, {"selectedMovies": []}))
        assert dict(profiles.get("ama").affinities) == {"comedy": half}

    def test_it_is_kept_for_a_title_that_nobody_knows_and_may_be_published_later(
        self, messages: Messages
    ) -> None:
        follow("ama", "kofi")
        sync("kofi", 77, is_favorite=True)
        messages.run_all()
        assert shown("ama") == ["kofi movie:77"]
        page = ok(get_client("ama").get("/api/v1/feed", {"feed_type": "following"}))
        assert page["feed"] == []
        film = ItemFactory.create(id="later", media_type="movie", tmdb_id=77, status=Item.Status.DRAFT)
        items.set_status([film.id], Item.Status.PUBLISHED, now=film.created_at)
        page = ok(get_client("ama").get("/api/v1/feed", {"feed_type": "following"}))
        assert [item["id"] for item in page["feed"]] == ["later"]


class TestNames:
    def test_they_come_from_the_token(self, messages: Messages) -> None:
        follow("ama", "kofi")
        sync("kofi", is_favorite=True)
        messages.run_all()
        assert names.get_names(["kofi"]) == {"kofi": ("Kofi", None)}
        assert [row.author_name for row in get_store().get_timeline("ama")] == ["Kofi"]
        kept = get_store().get_profile("kofi")
        assert kept is not None
        assert kept.name == "Kofi"

    def test_without_one_it_is_someone_you_follow_and_no_name_is_made_up(self, messages: Messages) -> None:
        get_store().follow("ama", "nameless", now=0, due=0)
        from activity.tests.deeds import state  # noqa: PLC0415

        state("nameless")
        messages.run_all()
        assert names.read(["nameless"]).decode([None])["nameless"][0] == "Someone you follow"
        assert [row.author_name for row in get_store().get_timeline("ama")] == [None]

    def test_an_endless_picture_is_left_out(self) -> None:
        from activity.services import people  # noqa: PLC0415

        people.sync_name_from_token("ama", "A" * 300, "https://example.com/" + "x" * 1_500)
        kept = get_store().get_profile("ama")
        assert kept is not None
        assert (kept.name, kept.picture) == ("A" * 200, None)


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

    def test_a_repeat_changes_nothing_and_is_not_sent(self, messages: Messages) -> None:
        follow("ama", "kofi")
        assert follow("ama", "kofi")["message"] == "Nothing changed"
        assert len(messages.waiting) == 1
        follow("ama", "kofi", "unfollow")
        assert follow("ama", "kofi", "unfollow")["message"] == "Nothing changed"
        assert len(messages.waiting) == 2
        assert ask("ama", "stats/ama")["following_count"] == 0

    def test_counts_are_exact_however_many_follow_at_once(self) -> None:
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
            kept = get_store().get_profile(uid)
            assert kept is not None
            assert kept.following_count == profiles.get(uid).following_count == 1

    def test_the_documented_cap(self, monkeypatch: pytest.MonkeyPatch) -> None:
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
    def test_oneself_is_refused(self, path: str) -> None:
        verb = "follow" if path == FOLLOW else "block"
        answer = get_client("ama").post(path, {"target_uid": "ama", "action": verb})
        assert answer.status_code == 400
        assert ask("ama", "stats/ama")["following_count"] == 0

    @pytest.mark.parametrize(("blocker", "blocked"), [("ama", "kofi"), ("kofi", "ama")])
    def test_nobody_follows_across_a_block(self, blocker: str, blocked: str) -> None:
        ok(get_client(blocker).post(BLOCK, {"target_uid": blocked, "action": "block"}))
        answer = get_client("ama").post(FOLLOW, {"target_uid": "kofi", "action": "follow"})
        assert answer.status_code == 400
        ok(get_client(blocker).post(BLOCK, {"target_uid": blocked, "action": "unblock"}))
        follow("ama", "kofi")

    def test_an_unfollow_takes_everything_at_once_and_a_block_on_both_sides(self, messages: Messages) -> None:
        follow("ama", "kofi")
        follow("kofi", "ama")
        sync("kofi", is_favorite=True)
        sync("ama", 604, is_favorite=True)
        messages.run_all()
        timeline_cache.invalidate("ama")
        ok(get_client("ama").post(BLOCK, {"target_uid": "kofi", "action": "block"}))
        assert (shown("ama"), shown("kofi")) == ([], [])
        assert (get_store().get_timeline("ama"), get_store().get_timeline("kofi")) == ([], [])


class TestStoreAway:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (SYNC, {"title_id": "603", "media_type": "movie", "is_favorite": True}),
            (FOLLOW, {"target_uid": "kofi", "action": "follow"}),
            (FOLLOW, {"target_uid": "kofi", "action": "unfollow"}),
            (BLOCK, {"target_uid": "kofi", "action": "block"}),
            ("/api/v1/user/preferences/sync", {"selectedGenres": ["drama"]}),
        ],
    )
    def test_writes_are_refused_and_nothing_is_half_done(
        self, messages: Messages, request: pytest.FixtureRequest, path: str, body: dict[str, Any]
    ) -> None:
        sync("ama", 1)
        away: pytest.MonkeyPatch = request.getfixturevalue("activity_store_unavailable")
        answer = get_client("ama").post(path, body)
        assert answer.status_code == 503, answer.content
        assert answer.json()["error"] is True
        assert int(answer["Retry-After"]) >= 1
        assert messages.waiting == []
        away.undo()
        assert get_store().get_activities("ama") == []
        assert get_store().get_due_jobs(now=3e9) == []
        assert get_store().get_existing_edges([("ama", "kofi")]) == set()

    @pytest.mark.parametrize("path", ["followers/ama", "following/ama", "stats/ama", "mutuals/ama"])
    def test_so_are_lists(self, path: str, activity_store_unavailable: pytest.MonkeyPatch) -> None:
        answer = get_client("ama").get(f"/api/v1/social/{path}")
        assert answer.status_code == 503
        assert answer.json()["statusCode"] == 503

    def test_the_feed_goes_on(self, activity_store_unavailable: pytest.MonkeyPatch) -> None:
        for key in (keys.PROFILE, keys.TIMELINE, keys.SEEN_ITEMS):
            state_redis().delete(key.name(viewer="ama"))
        page = ok(get_client("ama").get("/api/v1/feed"))
        assert "profile" in page["meta"]["degraded"]
