"""The candidates of each source."""

from collections import Counter
from dataclasses import replace

import pytest

from activity import timeline_cache
from activity.services import follows, profiles
from activity.store import get_store
from activity.types import Relation, TimelineRow
from content.models import Item
from content.services import items, titles
from feed import indexes, recipe
from feed.sources import SOURCES, TRENDING, personalized, trending
from feed.sources.personalized import get_affinities
from feed.tests import world
from feed.tests.source_tools import make_row, read_pool

NOW = int(world.NOW.timestamp())


def test_every_source_has_a_module_and_existing_fallbacks() -> None:
    names = {source.name for source in SOURCES}
    for source in SOURCES:
        assert callable(source.read)
        assert set(source.fallbacks) <= names - {source.name}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestFriends:
    def friends(self, *rows: TimelineRow) -> dict[str, str]:
        world.deliver("ama", rows)
        return {c.id: c.reason for c in read_pool("ama", "friends").candidates}

    def test_a_low_rating_neither_recommends_nor_counts_as_a_supporter(self) -> None:
        world.catalogue(5)
        found = self.friends(
            make_row("kofi", title="movie:1001", status="finished", rating=2),
            make_row("mei", title="movie:1002", status="finished", rating=2),
            make_row("zuri", title="movie:1002", status="watching"),
        )
        assert found == {"film-0002": "Zuri is watching this"}

    def test_an_empty_relation_recommends_nothing(self) -> None:
        world.catalogue(5)
        assert self.friends(make_row("kofi", title="movie:1001")) == {}

    def test_a_title_is_represented_by_its_newest_trailer(self) -> None:
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
        liked = make_row("kofi", title="movie:1008", favorite=True)
        assert list(self.friends(liked)) == ["second-trailer"]
        items.set_status(["second-trailer", "film-0008"], Item.Status.DRAFT, now=world.NOW)
        assert list(self.friends(liked)) == ["film-0009"]
        items.set_status(["film-0009"], Item.Status.DRAFT, now=world.NOW)
        assert self.friends(liked) == {}

    def test_a_series_and_a_film_with_the_same_id_are_two_titles(self) -> None:
        world.catalogue(5)
        assert self.friends(make_row("kofi", title="tv:1001", favorite=True)) == {}

    def test_blocked_people_neither_recommend_nor_count(self) -> None:
        world.catalogue(5)
        self.friends(
            make_row("kofi", title="movie:1001", favorite=True),
            make_row("mei", title="movie:1001", favorite=True),
            make_row("kofi", title="movie:1002", favorite=True),
        )
        follows.block("ama", "kofi", now=NOW)
        assert self.friends() == {"film-0001": "Mei liked this"}
        follows.unblock("ama", "kofi", now=NOW)
        follows.block("kofi", "ama", now=NOW)
        assert self.friends() == {"film-0001": "Mei liked this"}

    def test_newer_activities_have_higher_scores(self) -> None:
        world.catalogue(5)
        week = 7 * 86_400
        world.deliver(
            "ama",
            [
                make_row("kofi", title=f"movie:{1_000 + n}", favorite=True, at=NOW - n * week)
                for n in range(3)
            ],
        )
        found = read_pool("ama", "friends").candidates
        assert [(c.id, c.score) for c in found] == [("film-0000", 1), ("film-0001", 0.5), ("film-0002", 0.25)]

    def test_a_larger_depth_reads_further_down_the_timeline(self) -> None:
        world.catalogue(160)
        rows = [make_row("kofi", title=f"movie:{1_000 + n}", at=NOW - n, favorite=True) for n in range(160)]
        assert timeline_cache.load("ama", lambda: [r for r in rows if not r.title.endswith("9")], limit=400)
        first = read_pool("ama", "friends")
        assert (len(first.candidates), first.exhausted) == (100, False)
        deeper = read_pool("ama", "friends", depth=100)
        assert (len(deeper.candidates), deeper.exhausted) == (144, True)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestPersonalized:
    def test_genres_are_read_in_proportion_to_affinity(self) -> None:
        world.catalogue(50)
        world.build()
        world.choose("ama", "Drama", "Documentary")
        set_affinities(uid="ama", drama=0.2, comedy=0.4)
        # Chosen genres count 0.8 at least: drama 0.8, documentary 0.8, comedy 0.4.
        reasons = Counter(c.reason for c in read_pool("ama", "personalized").candidates)
        assert set(reasons) == {
            "Because you like Drama",
            "Because you like Documentary",
            "Because you like Comedy",
        }
        read = get_genre_reads("ama")
        # 400 in the proportion 2 : 2 : 1, and one more each
        assert read == {"documentary": (0.8, 161), "drama": (0.8, 161), "comedy": (0.4, 81)}

    def test_a_new_viewer_gets_popular_items_of_default_genres(self) -> None:
        world.catalogue(50)
        world.build()
        found = read_pool("newcomer", "personalized").candidates
        # the catalogue has two of the three default genres
        assert {c.reason for c in found} == {"Popular in Drama", "Popular in Comedy"}

    def test_an_item_of_two_liked_genres_appears_once_with_the_higher_affinity(self) -> None:
        world.catalogue(50)
        world.build()
        set_affinities(uid="ama", drama=0.9, comedy=0.3)
        found = {c.id: c.reason for c in read_pool("ama", "personalized").candidates}
        assert len(found) == len(read_pool("ama", "personalized").candidates) == 30
        assert found["film-0000"] == "Because you like Drama"  # drama and comedy
        assert found["film-0001"] == "Because you like Comedy"  # comedy and thriller

    def test_only_the_genres_with_the_highest_affinities_are_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recipe, "MAX_GENRES_READ", 2)
        world.catalogue(20)
        world.build()
        set_affinities(uid="ama", drama=0.1, comedy=0.5, thriller=0.3, unheard_of=0.9)
        assert list(get_genre_reads("ama")) == ["comedy", "thriller"]

    def test_scores_stay_between_0_and_1_despite_boosts(self) -> None:
        everything = world.catalogue(20)
        items.set_boost(everything[:5], 10, now=world.NOW)
        items.set_boost(everything[15:], -10, now=world.NOW)
        world.build()
        for source in ("trending", "personalized"):
            assert all(0 <= c.score <= 1 for c in read_pool("ama", source).candidates)


def get_genre_reads(uid: str) -> dict[str, tuple[float, int]]:
    pointer = indexes.get_pointer()
    assert pointer is not None
    return dict(personalized.select_genres(get_affinities(profiles.get(uid)), pointer, depth=0))


def set_affinities(uid: str, **affinities: float) -> None:
    """Record the affinity sums that give these affinities: sum / (sum + 3)."""
    sums = {genre: 3 * value / (1 - value) for genre, value in affinities.items()}
    done = get_store().record_relation(uid, "movie:0", Relation(rating=5), now=0, due=0, affinity_gain=sums)
    profiles.cache_profile(done.profile)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestTrending:
    def test_it_is_exhausted_when_the_index_has_no_further_items(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trending, "TRENDING", replace(TRENDING, fetch_limit=20))
        world.catalogue(30)
        world.build()
        first = read_pool("ama", "trending")
        assert (len(first.candidates), first.exhausted) == (20, False)
        assert read_pool("ama", "trending", depth=11).exhausted
        monkeypatch.setattr(recipe, "MAX_INDEX_ITEMS", 30)  # a full index holds no more than its cap
        assert read_pool("ama", "trending", depth=10).exhausted

    def test_without_an_index_it_reads_the_catalogue_in_sql(self) -> None:
        everything = world.catalogue(30)
        found = read_pool("ama", "trending", current=None)
        assert [c.id for c in found.candidates] == everything
