"""The rebuild command and rollbacks."""

import pytest
from django.core.management import CommandError

from content.services import items
from feed import indexes
from feed.services import builds
from feed.tests import world
from feed.tests.index_tools import get_current_generation, run_rebuild_command
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_feed, get_item_ids

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class TestRollback:
    def test_a_rollback_moves_readers_to_a_kept_generation_and_back(self) -> None:
        everything = world.catalogue(30)
        first = world.build()
        items.set_boost(everything[20:], 10, now=world.NOW)
        second = world.build()
        orders = [
            [item for item, _ in indexes.get_top(build.pk, "trending", 10)] for build in (first, second)
        ]
        assert orders[0] != orders[1]
        assert run_rebuild_command(rollback=first.pk) == f"rolled back to generation {first.pk}"
        assert get_item_ids(get_feed("ama", feed_type="trending")) == orders[0]
        assert run_rebuild_command(rollback=second.pk) == f"rolled back to generation {second.pk}"
        assert get_item_ids(get_feed("kofi", feed_type="trending")) == orders[1]

    def test_the_build_after_a_rollback_has_a_new_generation(self) -> None:
        world.catalogue(30)
        first, second = world.build(), world.build()
        builds.rollback(first.pk)
        third = world.build()
        pointer = indexes.get_pointer()
        assert pointer is not None
        assert (pointer.generation, set(pointer.older_generations)) == (third.pk, {first.pk, second.pk})

    @pytest.mark.parametrize("number", [0, 10**9])
    def test_a_generation_that_is_not_kept_cannot_be_restored(self, number: int) -> None:
        world.catalogue(5)
        world.build()
        with pytest.raises(CommandError, match=f"generation {number} is not kept"):
            run_rebuild_command(rollback=number)


class TestCommand:
    def test_it_prints_what_it_built(self) -> None:
        world.catalogue(20)
        output = run_rebuild_command()
        number = get_current_generation()
        assert output == f"generation {number}: published; 20 items in 6 indexes"

    def test_it_reports_that_redis_is_unavailable(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        with pytest.raises(CommandError, match="Redis is unavailable"):
            run_rebuild_command()
