"""The cost of each request in round trips, store calls and documents."""

import pytest

from activity.services import presence
from activity.store import get_store
from activity.tests.api_steps import (
    BLOCK,
    ask,
    follow,
    measure_cost,
    ok,
    sync,
)
from content.tests.factories import ItemFactory
from finishd.testing.api import THROTTLE_ROUND_TRIPS, get_client
from finishd.testing.people import Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("active_people"),
]


class TestCosts:
    """The cost of a second request of its kind: scripts are loaded, names and profiles are cached."""

    @pytest.fixture(autouse=True)
    def _warm(self, active_people: None, messages: Messages) -> None:
        ItemFactory.create(id="matrix", media_type="movie", tmdb_id=603)
        sync("ama", 604, is_favorite=True)
        follow("ama", "mei")
        follow("ama", "mei", "unfollow")
        messages.run_all()

    def test_the_cost_of_a_like(self) -> None:
        sync("ama", 603, rating=3)  # caches the title's genres
        with measure_cost() as spent:
            sync("ama", 603, is_favorite=True)
        # name, items of the title, their facts (genres), profile cached, presence
        assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 5, spent.round_trips
        assert spent.store.calls == ["record_relation"]
        assert spent.store.documents == 3  # activity, person, job

    def test_the_cost_of_a_repeated_like(self) -> None:
        sync("ama", 603, is_favorite=True)
        with measure_cost() as spent:
            sync("ama", 603, is_favorite=True)
        assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 4, (
            spent.round_trips
        )  # as a like, without a profile to cache
        assert spent.store.calls == ["record_relation"]

    def test_the_cost_of_a_follow_and_an_unfollow(self) -> None:
        with measure_cost() as spent:
            follow("ama", "kofi")
        # name, profile, presence, profile cached
        assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 4, spent.round_trips
        assert spent.store.calls == ["follow", "get_profile"]  # the target's reach
        assert spent.store.documents == 3 + 1
        with measure_cost() as spent:
            follow("ama", "kofi", "unfollow")
        # name, profile cached, unfollowed people, rows purged
        assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 4, spent.round_trips
        assert spent.store.calls == ["unfollow", "get_titles_by_author"]
        assert spent.store.documents == 3

    def test_the_cost_of_a_block(self) -> None:
        ok(get_client("ama").post(BLOCK, {"target_uid": "kofi", "action": "block"}))
        with measure_cost() as spent:
            ok(get_client("ama").post(BLOCK, {"target_uid": "mei", "action": "block"}))
        # both profiles cached, both people hidden from the other, both timelines purged
        assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 6, spent.round_trips
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
    def test_the_cost_of_lists(self, path: str, calls: list[str], documents: int) -> None:
        follow("ama", "kofi")
        follow("mei", "kofi")
        with measure_cost() as spent:
            ask("ama", path)
        assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS, spent.round_trips
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
            with measure_cost() as spent:
                messages.run_all()
            costs.append((spent.store.calls, spent.round_trips))
        assert costs[0] == costs[1]
        assert costs[0][0] == [
            "get_activity",
            "count_followers",
            "get_profile",  # reach
            "get_follower_uids",
            "put_timeline_rows",
            "get_existing_edges",  # followers at this moment
            "get_activity",  # the activity at this moment
            "save_ledger",
            "put_job",  # the recheck
            "finish_job",
        ]
        assert len(costs[0][1]) == 5  # profile cached, presence, name, cached timelines, lag recorded
