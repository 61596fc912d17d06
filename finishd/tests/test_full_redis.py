"""Services, tasks, commands and staff pages while Redis answers and rejects writes: like without Redis.

`test_rejected_writes.py` has the API.
"""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from redis import Redis

from activity import tasks as activity_tasks
from activity.services import metering
from analytics.services import reader
from content.services import cards
from content.tests.factories import ItemFactory
from content.tests.stale import get_stale_ids, get_titles_on_cards
from core.outages import REDIS_UNAVAILABLE
from core.redis.client import state_redis
from core.tests.redis_faults import REDIS_FAULTS
from finishd.staff.models import LoginBucket
from finishd.testing.api import get_client
from finishd.tests.conftest import Fault

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_items_are_saved_and_the_sweep_writes_their_cards_later(rejecting: Fault) -> None:
    item = ItemFactory.create(id="heat", title="Old")
    with rejecting():
        item.title = "New"
        item.save()
        assert get_stale_ids() == {"heat"}
        with pytest.raises(REDIS_UNAVAILABLE):
            cards.write_stale_cards()
    assert cards.write_stale_cards() == 1
    assert get_titles_on_cards("heat") == ["New"]


def test_a_command_ends_with_a_sentence(rejecting: Fault) -> None:
    ItemFactory.create()
    with rejecting(), pytest.raises(CommandError, match="cache Redis unavailable after 0 cards"):
        call_command("rebuild_cards", verbosity=0)


def test_staff_can_sign_in(rejecting: Fault, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser("staff", password="a good long password")
    with rejecting():
        answer = Client().post("/admin/login/", {"username": "staff", "password": "a good long password"})
    assert answer.status_code == 302
    assert LoginBucket.objects.exists()


def test_metrics_of_the_store_are_kept_until_redis_accepts_them(rejecting: Fault) -> None:
    metering.flush(at_once=True)
    with metering.metered(["probe"]):
        get_client("ama").get("/api/v1/social/stats/ama")
    metering._unflushed.sums["calls probe"] += 1
    with rejecting():
        metering.flush(at_once=True)
    assert metering.get_totals()["calls"]["probe"] >= 1


def test_a_reader_of_events_stops_and_continues_later(rejecting: Fault) -> None:
    def write() -> bool:
        state_redis().set("key", "value")
        return True

    with rejecting():
        assert reader.run_for(write, seconds=60) is False


def test_tasks_of_jobs_are_retried(rejecting: Fault) -> None:
    with rejecting(), pytest.raises(activity_tasks.JOB_TASK_OPTIONS["autoretry_for"]):
        state_redis().set("key", "value")


def test_the_dashboard_says_that_a_busy_redis_is_unavailable(server: Redis, client: Client) -> None:
    client.force_login(User.objects.create_superuser("staff"))
    with REDIS_FAULTS["BUSY"](server):
        response = client.get(reverse("admin:index"))
    assert response.status_code == 200
    tiles = {tile.title: tile for tile in response.context["tiles"]}
    assert {tiles[name].value for name in ("Indexes", "Deliveries", "Events")} == {"unknown"}
