"""Relations to titles over HTTP, and names from tokens."""

import time

import pytest

from activity.services import names, people, profiles
from activity.store import get_store
from activity.tests.api_steps import (
    follow,
    ok,
    sync,
)
from activity.tests.scenarios import read_rows, read_timeline, set_relation
from content.models import Item
from content.services import items
from content.tests.factories import ItemFactory
from finishd.testing.api import get_client
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("active_people"),
]


@pytest.fixture
def request_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that views read. It changes only when the test sets it."""
    clock = Clock(time.time())
    monkeypatch.setattr("activity.views.time", clock)
    return clock


class TestTitles:
    def test_a_repeated_relation_changes_nothing_and_queues_nothing(self, messages: Messages) -> None:
        first = sync("ama", is_favorite=True)
        assert (first["success"], first["user_id"], first["title_id"]) == (True, "ama", "603")
        assert (first["status"], first["is_favorite"], first["message"]) == (None, True, "Saved")
        messages.run_all()
        before = get_store().get_activity("ama", "movie:603")
        again = sync("ama", is_favorite=True, source="friend")
        assert again["message"] == "Nothing changed"
        assert messages.waiting == []
        assert get_store().get_activity("ama", "movie:603") == before

    def test_films_and_series_with_the_same_id_are_two_titles(self) -> None:
        sync("ama", 1, is_favorite=True)
        sync("ama", 1, media_type="tv", status="watching")
        assert {a.title for a in get_store().get_activities("ama")} == {"movie:1", "tv:1"}

    def test_the_body_replaces_the_whole_relation(self) -> None:
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

    def test_a_new_rating_is_delivered_and_does_not_move_the_activity(
        self, messages: Messages, request_clock: Clock
    ) -> None:
        follow("ama", "kofi")
        started = request_clock.now
        sync("kofi", 1, status="finished", rating=3)
        request_clock.now = started + 60
        sync("kofi", 2, status="finished")
        request_clock.now = started + 120
        sync("kofi", 1, status="finished", rating=5)
        messages.run_all()
        assert [(row.title, row.at, row.rating) for row in read_rows("ama")] == [
            ("movie:2", int(started + 60), None),
            ("movie:1", int(started), 5),
        ]

    def test_affinities_rise_and_fall(self) -> None:
        ItemFactory.create(id="matrix", media_type="movie", tmdb_id=603, genres=["Drama", "Comedy"])
        sync("ama", is_favorite=True)
        # a favourite adds 1 to the first genre and 0.5 to the second; a sum of 3 is an affinity of 0.5
        assert dict(profiles.get("ama").affinities) == {"drama": 0.25, "comedy": 0.1429}
        sync("ama", rating=3)
        assert dict(profiles.get("ama").affinities) == {"drama": 0.0769, "comedy": 0.04}
        sync("ama", rating=1)
        assert profiles.get("ama").affinities == {}
        sync("ama", is_favorite=True, rating=1)
        sync("ama")
        assert profiles.get("ama").affinities == {}

    def test_preference_titles_count_half_and_are_replaced_by_others(self) -> None:
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

    def test_a_relation_to_a_title_outside_the_catalogue_is_stored(self, messages: Messages) -> None:
        follow("ama", "kofi")
        sync("kofi", 77, is_favorite=True)
        messages.run_all()
        assert read_timeline("ama") == ["kofi movie:77"]
        page = ok(get_client("ama").get("/api/v1/feed", {"feed_type": "following"}))
        assert page["feed"] == []
        film = ItemFactory.create(id="later", media_type="movie", tmdb_id=77, status=Item.Status.DRAFT)
        items.set_status([film.id], Item.Status.PUBLISHED, now=film.created_at)
        page = ok(get_client("ama").get("/api/v1/feed", {"feed_type": "following"}))
        assert [item["id"] for item in page["feed"]] == ["later"]


class TestNames:
    def test_names_come_from_the_token(self, messages: Messages) -> None:
        follow("ama", "kofi")
        sync("kofi", is_favorite=True)
        messages.run_all()
        assert names.get_names(["kofi"]) == {"kofi": ("Kofi", None)}
        assert [row.author_name for row in get_store().get_timeline("ama")] == ["Kofi"]
        stored = get_store().get_profile("kofi")
        assert stored is not None
        assert stored.name == "Kofi"

    def test_a_person_without_a_name_is_delivered_without_one(self, messages: Messages) -> None:
        get_store().follow("ama", "nameless", now=0, due=0)
        set_relation("nameless")
        messages.run_all()
        assert names.get_names(["nameless"]) == {"nameless": (None, None)}
        assert [row.author_name for row in get_store().get_timeline("ama")] == [None]

    def test_a_picture_url_that_is_too_long_is_dropped(self) -> None:
        people.sync_name_from_token("ama", "A" * 300, "https://example.com/" + "x" * 1_500)
        stored = get_store().get_profile("ama")
        assert stored is not None
        assert (stored.name, stored.picture) == ("A" * 200, None)
