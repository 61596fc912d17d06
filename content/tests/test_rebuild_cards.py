"""`manage.py rebuild_cards`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from content.models import Item
from content.tests.factories import ItemFactory
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db


def test_all_cards_are_written(redis_server: RedisServer) -> None:
    ItemFactory.create_batch(3)
    redis_server.flush()
    out = StringIO()
    call_command("rebuild_cards", stdout=out, verbosity=0)
    assert out.getvalue() == "3 cards written\n"
    assert not Item.objects.filter(card_version=0).exists()


def test_the_command_fails_without_redis(redis_server: RedisServer) -> None:
    ItemFactory.create()
    redis_server.stop()
    with pytest.raises(CommandError, match="cache Redis unavailable after 0 cards"):
        call_command("rebuild_cards", verbosity=0)
