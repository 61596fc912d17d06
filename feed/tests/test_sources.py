"""What sources offer and why, and what a failing one costs."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, connection

from activity import keys as activity_keys
from activity import timeline_cache
from activity.services import follows, profiles
from activity.store import get_store
from activity.types import FALLBACK_NAME, Relation, StoreUnavailable, TimelineRow
from content.models import Item
from content.services import items, titles
from core.deadlines import optional_budget
from core.redis.client import state_redis
from core.redis.reads import Reads
from feed import indexes, recipe
from feed import keys as feed_keys
from feed.feed_types import FOR_YOU
from feed.recall import get_pool
from feed.services.pages import get_page
from feed.services.sessions import PageRequest
from feed.sources import SOURCES, TRENDING, personalized, trending
from feed.sources.base import RecallRequest
from feed.sources.personalized import get_affinities
from feed.sources.supporters import make_reason
from feed.tests import world
from feed.types import Pool
from finishd.testing.api import get_feed, get_item_ids, walk_feed

NOW = int(world.NOW.timestamp())


def row(author: str, **deed: Any) -> TimelineRow:
    """What a friend did to one title, a minute before the next one in `deed`'s order."""
    return TimelineRow(
        **{"author": author, "title": "movie:1000", "at": NOW, "author_name": author.title(), **deed}
    )


def told(supporters: list[TimelineRow]) -> str:
    return make_reason(supporters, {r.author: (r.author_name or FALLBACK_NAME, None) for r in supporters})


class TestReasons:
    @pytest.mark.parametrize(
        ("deed", "reason"),
        [
            ({"favorite": True}, "Kofi liked this"),
            ({"rating": 4}, "Kofi liked this"),
            ({"status": "finished"}, "Kofi watched this"),
            ({"status": "finished", "rating": 3}, "Kofi liked this"),
            ({"status": "finished", "rating": 1, "favorite": True}, "Kofi liked this"),
            ({"status": "watching"}, "Kofi is watching this"),
            ({"status": "watchlist"}, "Kofi wants to watch this"),
            ({"status": "watching", "author_name": None}, "Someone you follow is watching this"),
        ],
    )
    def test_of_one_friend(self, deed: dict[str, Any], reason: str) -> None:
        assert told([row("kofi", **deed)]) == reason

    @pytest.mark.parametrize(
        ("supporters", "reason"),
        [
            (
                [row("kofi", status="watching"), row("mei", status="watching")],
                "Kofi and 1 other are watching this",
            ),
            (
                [row("kofi", favorite=True), row("mei", rating=5), row("zuri", status="finished")],
                "Kofi and 2 others liked this",
            ),
            # The strongest deed, and the newest of those who did it.
            (
                [
                    row("kofi", status="watchlist"),
                    row("mei", status="finished"),
                    row("zuri", status="finished"),
                ],
                "Mei and 2 others watched this",
            ),
            (
                [row("kofi", status="watchlist"), row("mei", status="watchlist")],
                "Kofi and 1 other want to watch this",
            ),
            (
                [row("x", favorite=True, author_name=""), row("mei", status="watching")],
                "Someone you follow and 1 other liked this",
            ),
        ],
    )
    def test_of_several_friends(self, supporters: list[TimelineRow], reason: str) -> None:
        assert told(supporters) == reason


def pool_of(uid: str, name: str, *, depth: int = 0, current: Any = ...) -> Pool:
    """Read one source as a build does."""
    pointer = indexes.get_pointer() if current is ... else current
    (source,) = (source for source in SOURCES if source.name == name)
    reads = Reads(state_redis())
    pending = reads.add(source.read(RecallRequest(profiles.get(uid), pointer, depth, NOW)))
    reads.execute()
    return get_pool(source, pending)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestFriends:
    def friends(self, *rows: TimelineRow) -> dict[str, str]:
        world.deliver("ama", rows)
        return {c.id: c.reason for c in pool_of("ama", "friends").candidates}

    def test_a_low_rating_recommends_nothing_and_is_no_supporter(self) -> None:
        world.catalogue(5)
        found = self.friends(
            row("kofi", title="movie:1001", status="finished", rating=2),
            row("mei", title="movie:1002", status="finished", rating=2),
            row("zuri", title="movie:1002", status="watching"),
        )
        assert found == {"film-0002": "Zuri is watching this"}

    def test_a_status_taken_off_the_lists_recommends_nothing(self) -> None:
        world.catalogue(5)
        assert self.friends(row("kofi", title="movie:1001")) == {}

    def test_a_titles_newest_trailer_stands_for_it(self) -> None:
        world.catalogue(10)  # film-0009 is the clip of film-0008
        Item.objects.create(
            id="second-trailer",
            title="Film 8",
            content_type="trailer",
            status=Item.Status.PUBLISHED,
            published_at=world.NOW.replace(hour=13),
            media_type="movie",
            tmdb_id=1_008,
        )
        titles.invalidate(["movie:1008"])
        liked = row("kofi", title="movie:1008", favorite=True)
        assert list(self.friends(liked)) == ["second-trailer"]
        items.set_status(["second-trailer", "film-0008"], Item.Status.DRAFT, now=world.NOW)
        assert list(self.friends(liked)) == ["film-0009"]
        items.set_status(["film-0009"], Item.Status.DRAFT, now=world.NOW)
        assert self.friends(liked) == {}

    def test_a_series_and_a_film_of_one_number_are_two_titles(self) -> None:
        world.catalogue(5)
        assert self.friends(row("kofi", title="tv:1001", favorite=True)) == {}

    def test_blocked_people_neither_recommend_nor_count(self) -> None:
        world.catalogue(5)
        self.friends(
            row("kofi", title="movie:1001", favorite=True),
            row("mei", title="movie:1001", favorite=True),
            row("kofi", title="movie:1002", favorite=True),
        )
        follows.block("ama", "kofi", now=NOW)
        assert self.friends() == {"film-0001": "Mei liked this"}
        follows.unblock("ama", "kofi", now=NOW)
        follows.block("kofi", "ama", now=NOW)
        assert self.friends() == {"film-0001": "Mei liked this"}

    def test_newer_deeds_rank_higher(self) -> None:
        world.catalogue(5)
        week = 7 * 86_400
        world.deliver(
            "ama",
            [row("kofi", title=f"movie:{1_000 + n}", favorite=True, at=NOW - n * week) for n in range(3)],
        )
        found = pool_of("ama", "friends").candidates
        assert [(c.id, c.score) for c in found] == [("film-0000", 1), ("film-0001", 0.5), ("film-0002", 0.25)]

    def test_a_timeline_longer_than_one_look_is_read_on(self) -> None:
        world.catalogue(160)
        rows = [row("kofi", title=f"movie:{1_000 + n}", at=NOW - n, favorite=True) for n in range(160)]
        assert timeline_cache.load("ama", lambda: [r for r in rows if not r.title.endswith("9")], limit=400)
        first = pool_of("ama", "friends")
        assert (len(first.candidates), first.exhausted) == (100, False)
        deeper = pool_of("ama", "friends", depth=100)
        assert (len(deeper.candidates), deeper.exhausted) == (144, True)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestPersonalized:
    def test_genres_have_their_share_by_affinity(self) -> None:
        world.catalogue(50)
        world.build()
        world.choose("ama", "Drama", "Documentary")
        learned(uid="ama", drama=0.2, comedy=0.4)
        # Chosen genres count 0.8 at least: drama 0.8, documentary 0.8, comedy 0.4.
        reasons = Counter(c.reason for c in pool_of("ama", "personalized").candidates)
        assert set(reasons) == {
            "Because you like Drama",
            "Because you like Documentary",
            "Because you like Comedy",
        }
        read = request_counts("ama")
        # 400 in proportion 2 : 2 : 1, and one more each
        assert read == {"documentary": (0.8, 161), "drama": (0.8, 161), "comedy": (0.4, 81)}

    def test_a_newcomer_gets_what_is_popular_in_the_usual_genres(self) -> None:
        world.catalogue(50)
        world.build()
        found = pool_of("newcomer", "personalized").candidates
        # of the three usual ones the little world has two
        assert {c.reason for c in found} == {"Popular in Drama", "Popular in Comedy"}

    def test_an_item_of_two_loved_genres_comes_once_for_the_dearer(self) -> None:
        world.catalogue(50)
        world.build()
        learned(uid="ama", drama=0.9, comedy=0.3)
        found = {c.id: c.reason for c in pool_of("ama", "personalized").candidates}
        assert len(found) == len(pool_of("ama", "personalized").candidates) == 30
        assert found["film-0000"] == "Because you like Drama"  # drama and comedy
        assert found["film-0001"] == "Because you like Comedy"  # comedy and thriller

    def test_only_the_dearest_genres_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recipe, "MAX_GENRES_READ", 2)
        world.catalogue(20)
        world.build()
        learned(uid="ama", drama=0.1, comedy=0.5, thriller=0.3, unheard_of=0.9)
        assert list(request_counts("ama")) == ["comedy", "thriller"]

    def test_scores_stay_within_one_whatever_staff_boost(self) -> None:
        everything = world.catalogue(20)
        items.set_boost(everything[:5], 10, now=world.NOW)
        items.set_boost(everything[15:], -10, now=world.NOW)
        world.build()
        for source in ("trending", "personalized"):
            assert all(0 <= c.score <= 1 for c in pool_of("ama", source).candidates)


def request_counts(uid: str) -> dict[str, tuple[float, int]]:
    pointer = indexes.get_pointer()
    assert pointer is not None
    return dict(personalized.select_genres(get_affinities(profiles.get(uid)), pointer, depth=0))


def learned(uid: str, **affinities: float) -> None:
    """Likings that come to these affinities: sum / (sum + 3)."""
    sums = {genre: 3 * value / (1 - value) for genre, value in affinities.items()}
    done = get_store().record_relation(uid, "movie:0", Relation(rating=5), now=0, due=0, affinity_gain=sums)
    profiles.cache_profile(done.profile)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestTrending:
    def test_it_knows_when_it_has_given_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(trending, "TRENDING", replace(TRENDING, fetch_limit=20))
        world.catalogue(30)
        world.build()
        first = pool_of("ama", "trending")
        assert (len(first.candidates), first.exhausted) == (20, False)
        assert pool_of("ama", "trending", depth=11).exhausted
        monkeypatch.setattr(recipe, "MAX_INDEX_ITEMS", 30)  # a full index holds no more than its cap
        assert pool_of("ama", "trending", depth=10).exhausted

    def test_without_an_index_the_catalogue_itself_is_asked(self) -> None:
        everything = world.catalogue(30)
        found = pool_of("ama", "trending", current=None)
        assert [c.id for c in found.candidates] == everything


@contextmanager
def store_away() -> Iterator[None]:
    """The activity store's tables give no answer; nothing that a test could break so lies nearer."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if '"activity_' in sql:
            raise OperationalError("the activity store is away")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield
    deadline = time.monotonic() + 10
    while not store_answers():  # its breaker
        assert time.monotonic() < deadline
        time.sleep(0.05)


def store_answers() -> bool:
    try:
        get_store().get_profile("nobody")
    except StoreUnavailable:
        return False
    return True


def lifetimes(uid: str, session: str, feed: str = "for_you") -> list[int]:
    """Seconds left of the session pointer, the plan and its slots."""
    names = [
        feed_keys.SESSION.name(viewer=uid, feed=feed),
        feed_keys.PLAN.name(viewer=uid, session=session),
        feed_keys.SLOTS.name(viewer=uid, session=session),
    ]
    return [int(state_redis().ttl(name)) for name in names]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestFailing:
    @pytest.fixture(autouse=True)
    def _everything(self) -> None:
        world.catalogue(300)
        world.build()
        world.choose("ama", "Drama")
        world.befriend("ama", range(100, 140))

    def break_source(self, source: str) -> None:
        """A key of the wrong kind: the server answers with an error."""
        pointer = indexes.get_pointer()
        assert pointer is not None
        name = {
            "trending": indexes.key(pointer.generation, "trending"),
            "personalized": indexes.key(pointer.generation, "genre:drama"),
            "friends": timeline_cache.key("ama"),
        }[source]
        state_redis().delete(name)
        state_redis().hset(name, "wrong", "kind")

    @pytest.mark.parametrize("source", FOR_YOU.shares)
    def test_one_source_costs_its_share_only_and_not_for_long(self, source: str) -> None:
        self.break_source(source)
        page = get_feed("ama", limit=40)
        assert len(page["feed"]) == 40
        assert page["meta"]["degraded"] == [source]
        assert source not in {item["source"] for item in page["feed"]}
        assert all(0 < left <= 60 for left in lifetimes("ama", page["meta"]["session"]))

    def test_it_is_whole_again_when_the_source_is(self) -> None:
        self.break_source("friends")
        assert get_feed("ama", limit=40)["meta"]["degraded"] == ["friends"]
        state_redis().delete(timeline_cache.key("ama"))
        page = get_feed("ama", limit=40, refresh="true")
        assert page["meta"]["degraded"] == []
        assert "friends" in {item["source"] for item in page["feed"]}
        assert all(500 < left <= 600 for left in lifetimes("ama", page["meta"]["session"]))

    def test_a_source_that_fails_under_an_extension_is_named_and_ends_the_plan_soon(self) -> None:
        first = get_feed("ama", limit=100)
        assert first["meta"]["degraded"] == []
        self.break_source("trending")
        # A chunk has 200: whether one more follows the second page, the next chunk must tell.
        second = get_feed("ama", limit=100, cursor=first["meta"]["cursor"])
        assert second["meta"]["degraded"] == ["trending"]
        assert len({*get_item_ids(first), *get_item_ids(second)}) == 200
        assert all(0 < left <= 60 for left in lifetimes("ama", second["meta"]["session"])[1:])

    def test_all_sources_failing_is_an_empty_page_not_an_error(self) -> None:
        for source in FOR_YOU.shares:
            self.break_source(source)
        page = get_feed("ama", limit=40)
        assert page["feed"] == []
        assert page["meta"]["degraded"] == ["friends", "personalized", "trending"]

    def test_a_dead_activity_store_costs_a_cold_viewer_what_is_theirs_and_no_more(self) -> None:
        state_redis().delete(
            *[
                key.name(viewer="ama")
                for key in (activity_keys.PROFILE, activity_keys.SEEN_ITEMS, activity_keys.TIMELINE)
            ]
        )
        with store_away():
            page = get_feed("ama", limit=40)
            assert page["meta"]["degraded"] == ["friends", "history", "profile"]
            assert len(page["feed"]) == 40
            assert {item["source"] for item in page["feed"]} == {"trending", "personalized"}
            chosen = {i["reason"] for i in page["feed"] if i["source"] == "personalized"}
            assert chosen == {"Popular in Drama", "Popular in Comedy"}
            # Once its breaker is open nobody waits for it.
            again = [get_feed("ama", limit=10, refresh="true") for _ in range(3)]
            assert all(len(p["feed"]) == 10 for p in again)
        whole = get_feed("ama", limit=40, refresh="true")
        assert whole["meta"]["degraded"] == []

    def test_a_warm_viewer_notices_nothing_of_it(self) -> None:
        get_feed("ama")
        with store_away():
            page = get_feed("ama", limit=40, refresh="true")
        assert page["meta"]["degraded"] == []
        assert "friends" in {item["source"] for item in page["feed"]}

    def test_late_sources_are_left_out_only_if_they_would_ask_again(self) -> None:
        get_feed("ama")  # what the viewer has seen is in Redis from here on
        with optional_budget(-1):
            page = get_page(PageRequest("ama", "for_you", 40, time.time(), refresh=True))
        assert page.degraded == ("friends",)
        assert len(page.slots) == 40


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestFilters:
    @pytest.mark.slow
    def test_somebody_who_finished_the_whole_head_of_the_index_gets_what_follows(self) -> None:
        everything = world.catalogue(900)
        world.build()
        finished = [f"movie:{1_000 + n}" for n in range(850)]
        world.finish("ama", finished)
        pages = walk_feed("ama", limit=20)
        assert sorted(get_item_ids(*pages)) == everything[850:]
        assert [len(page["feed"]) for page in pages] == [20, 20, 10]

    def test_a_head_that_was_unpublished_in_a_stroke_hides_nothing_behind_it(self) -> None:
        everything = world.catalogue(1_200)
        world.build()
        items.set_status(everything[:1_100], Item.Status.ARCHIVED, now=world.NOW)
        assert sorted(get_item_ids(*walk_feed("ama", limit=30))) == everything[1_100:]

    def test_somebody_who_finished_everything_gets_an_end_not_a_circle(self) -> None:
        everything = world.catalogue(60)
        world.build()
        world.finish("ama", [f"movie:{1_000 + n}" for n in range(len(everything))])
        page = get_feed("ama")
        assert (page["feed"], page["meta"]["hasMore"]) == ([], False)
