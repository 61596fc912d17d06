"""A rebuild publishes all indexes at once, or none of them."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError

from content.models import Item
from content.services import items
from core.redis.client import state_redis
from feed import indexes, keys, recipe
from feed.models import IndexBuild
from feed.services import builds, index_status
from feed.tests import world
from feed.tests.index_tools import get_current_generation, get_generations, get_ttls, run_rebuild_command
from finishd.testing.api import get_feed

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


Outcome = IndexBuild.Outcome


class TestPublishing:
    def test_trending_and_the_genre_indexes_contain_the_published_catalogue(self) -> None:
        everything = world.catalogue(50)
        items.set_status(everything[:5], Item.Status.ARCHIVED, now=world.NOW)
        build = world.build()
        assert build.outcome == Outcome.PUBLISHED
        assert {item for item, _ in indexes.get_top(build.pk, "trending", 100)} == set(everything[5:])
        # every item has two genres
        assert sum(size for name, size in build.sizes.items() if name != "trending") == 2 * 45
        assert build.items == build.sizes["trending"] == 45

    def test_the_current_generation_and_its_pointer_never_expire(self) -> None:
        world.catalogue(20)
        build = world.build()
        assert get_ttls(build.pk) == {-1}
        assert state_redis().ttl(keys.INDEX_POINTER.name()) == -1

    def test_three_older_generations_are_kept(self) -> None:
        world.catalogue(20)
        built = [world.build().pk for _ in range(6)]
        assert get_generations() == set(built[-4:])
        pointer = indexes.get_pointer()
        assert pointer is not None
        assert (pointer.generation, pointer.older_generations) == (built[5], (built[4], built[3], built[2]))
        assert list(IndexBuild.objects.filter(keys_deleted=True).values_list("pk", flat=True)) == built[1::-1]

    def test_an_index_is_capped_at_its_best_entries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recipe, "MAX_INDEX_ITEMS", 12)
        world.catalogue(50)
        build = world.build()
        assert max(build.sizes.values()) == 12
        assert build.outcome == Outcome.PUBLISHED
        monkeypatch.setattr(recipe, "MAX_INDEX_ITEMS", 50)
        full = [item for item, _ in indexes.get_top(world.build().pk, "trending", 50)]
        assert [item for item, _ in indexes.get_top(build.pk, "trending", 50)] == full[:12]

    def test_keys_of_an_earlier_generation_of_the_same_number_are_deleted_first(self) -> None:
        world.catalogue(20)
        number = world.build().pk + 1
        state_redis().zadd(indexes.key(number, "trending"), {"long-gone": 5.0})
        build = world.build()
        assert build.pk == number
        assert "long-gone" not in dict(indexes.get_top(number, "trending", 100))

    def test_the_top_entries_of_an_index_have_the_terms_of_their_scores(self) -> None:
        world.catalogue(20)
        build = world.build()
        status = index_status.get_status(now=world.NOW.timestamp() + 90)
        assert (status.generation, status.age_seconds) == (build.pk, 90)
        head = index_status.get_top_entries("trending", limit=5)
        assert [entry.item for entry in head] == [i for i, _ in indexes.get_top(build.pk, "trending", 5)]
        for entry in head:
            assert entry.score == pytest.approx(sum(entry.terms.values()), abs=1e-6)
        assert index_status.get_top_entries("genre:unheard-of") == []


def test_readers_never_see_an_empty_mixed_or_incomplete_index() -> None:
    everything = world.catalogue(150)
    world.build()
    wrong: list[str] = []
    reads = 0
    done = threading.Event()

    def read() -> None:
        nonlocal reads
        while not done.is_set():
            if complaint := find_inconsistency(set(everything)):
                wrong.append(complaint)
            reads += 1

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(25):
            # Every build gives every item another score, so that two generations differ.
            builds.rebuild_indexes(now=world.NOW + timedelta(days=turn))
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert reads > 25


def find_inconsistency(everything: set[str]) -> str:
    """Read trending and a genre index in one round trip, as a build does; return what is wrong with them."""
    pointer = indexes.get_pointer()
    if pointer is None:
        return "no pointer"
    both = indexes.read_top(pointer.generation, {"trending": 1_000, "genre:drama": 1_000})
    trending, drama = (dict(top) for top in both.fetch(state_redis()))
    later = indexes.get_pointer()
    if later is None or later.generation > pointer.generation + recipe.OLDER_GENERATIONS_KEPT:
        return ""  # this thread was suspended for so many builds that its generation was deleted
    if set(trending) != everything or len(drama) != pointer.sizes["genre:drama"]:
        return f"{len(trending)} and {len(drama)} of generation {pointer.generation}"
    mixed = [item for item, score in drama.items() if trending[item] != score]
    return f"mixed: {mixed}" if mixed else ""


class TestRefusedBuilds:
    def test_an_index_of_less_than_half_the_size_is_refused_unless_accepted(self) -> None:
        everything = world.catalogue(40)
        before = world.build()
        items.set_status(everything[:21], Item.Status.DRAFT, now=world.NOW)
        with pytest.raises(
            CommandError, match=r"refused; the previous indexes stay published\. 19 items after 40"
        ):
            run_rebuild_command()
        assert get_current_generation() == before.pk
        refused = IndexBuild.objects.latest("pk")
        assert (refused.outcome, refused.keys_deleted) == (Outcome.REFUSED, True)
        assert get_generations() == {before.pk}
        assert run_rebuild_command(accept=True).endswith("19 items in 6 indexes")
        assert get_current_generation() > refused.pk

    def test_an_empty_index_is_refused_unless_accepted(self) -> None:
        everything = world.catalogue(10)
        before = world.build()
        items.set_status(everything, Item.Status.DRAFT, now=world.NOW)
        assert world.build().outcome == Outcome.REFUSED
        assert get_current_generation() == before.pk
        assert builds.rebuild_indexes(now=world.NOW, accept=True).outcome == Outcome.PUBLISHED
        assert get_feed("ama")["feed"] == []

    def test_an_index_of_half_the_size_is_published(self) -> None:
        everything = world.catalogue(40)
        world.build()
        items.set_status(everything[:20], Item.Status.DRAFT, now=world.NOW)
        assert world.build().outcome == Outcome.PUBLISHED
