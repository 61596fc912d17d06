"""Beat detects that Redis lost its last writes, records it, and has it repaired."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches

from activity.services import relations
from activity.types import Relation
from content.models import Item
from content.services import cards, items
from content.tests.factories import ItemFactory
from core.redis.client import state_redis
from finishd.recovery import losses
from finishd.recovery.detector import Detector
from finishd.recovery.models import RedisLoss
from finishd.recovery.repair import repair
from finishd.testing.people import Messages, messages
from finishd.testing.redis_losses import LossyRedis, lossy_redis

__all__ = ["messages"]

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NOW = time.time()


@pytest.fixture(params=["truncated append-only file", "promoted replica"])
def redis(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[LossyRedis]:
    """The Redis server of the application. It can lose its last writes."""
    with lossy_redis(request.param, tmp_path) as server:
        settings.REDIS_URL = settings.CACHE_URL = server.url
        settings.CACHES = {name: {**cache, "LOCATION": server.url} for name, cache in settings.CACHES.items()}
        yield server
        caches.close_all()


def lose(redis: LossyRedis) -> None:
    redis.lose()
    state_redis().connection_pool.disconnect()


def run(detector: Detector, *seconds: float) -> None:
    for at in seconds:
        detector.step(now=NOW + at)


def get_losses() -> list[tuple[str, float]]:
    return list(RedisLoss.objects.order_by("pk").values_list("kind", "lost_seconds"))


def test_a_heartbeat_that_continues_is_no_loss(redis: LossyRedis) -> None:
    run(Detector(), 0, 1, 2, 3)
    run(Detector(), 4, 5)
    assert get_losses() == []


def test_a_rollback_is_recorded_with_the_lost_seconds(
    redis: LossyRedis, caplog: pytest.LogCaptureFixture
) -> None:
    detector = Detector()
    run(detector, 0, 1)
    redis.keep()
    run(detector, 2, 3, 4)
    lose(redis)
    run(detector, 6, 7, 8)
    assert get_losses() == [("rolled_back", 3.0)]
    assert "restart or failover: rolled back" in caplog.text
    assert losses.get_totals() == {"restarted": (0, 0.0), "rolled_back": (1, 3.0), "emptied": (0, 0.0)}


def test_a_rollback_is_noticed_although_beat_was_restarted_too(redis: LossyRedis) -> None:
    run(Detector(), 0, 1)
    redis.keep()
    run(Detector(), 2, 8)  # what beat knew is in SQL
    lose(redis)
    run(Detector(), 20)
    run(Detector(), 21)
    assert get_losses() == [("rolled_back", 7.0)]


def test_a_restart_that_lost_nothing_is_recorded_as_one(redis: LossyRedis) -> None:
    detector = Detector()
    run(detector, 0, 1)
    redis.keep()
    lose(redis)
    run(detector, 2, 3)
    assert get_losses() == [("restarted", 0.0)]


def test_an_emptied_redis_is_noticed(redis: LossyRedis, caplog: pytest.LogCaptureFixture) -> None:
    detector = Detector()
    run(detector, 0, 1)
    state_redis().flushall()
    run(detector, 2, 3)
    assert get_losses() == [("emptied", 0.0)]
    assert "emptied: all was lost" in caplog.text
    assert "s of writes" not in caplog.text


def test_a_loss_that_two_processes_detect_is_recorded_once(redis: LossyRedis) -> None:
    one, other = Detector(), Detector()
    run(one, 0)
    redis.keep()
    run(one, 1)
    run(other, 2)
    lose(redis)
    run(one, 3)
    run(other, 4)
    run(one, 5)
    assert len(get_losses()) == 1


def test_a_card_that_was_lost_is_written_again(redis: LossyRedis) -> None:
    ItemFactory.create(id="heat")
    cards.write_stale_cards()
    detector = Detector()
    run(detector, 0)
    redis.keep()
    run(detector, 1)
    items.set_status(["heat"], Item.Status.ARCHIVED, now=Item.objects.get().updated_at)
    lose(redis)
    run(detector, 2)
    assert cards.get_cards(["heat"]) != [None]
    repair(RedisLoss.objects.get().pk, now=NOW)
    assert cards.get_cards(["heat"]) == [None]


def test_jobs_whose_messages_were_lost_run_again_at_once(redis: LossyRedis, messages: Messages) -> None:
    detector = Detector()
    run(detector, 0)
    redis.keep()
    run(detector, 1)
    relations.set_relation("kofi", "movie:1", Relation(favorite=True), source=None, now=NOW)
    messages.waiting.clear()  # lost with the broker
    lose(redis)
    run(detector, 2)
    loss = RedisLoss.objects.get()
    assert repair(loss.pk, now=NOW)
    assert [message.args for message in messages.by_kind("deliver")] == [("kofi", "movie:1", 1)]
    loss.refresh_from_db()
    assert loss.repaired_at == NOW
    assert not repair(loss.pk, now=NOW)


def test_a_repair_that_failed_is_done_again(
    redis: LossyRedis, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Detector()
    run(detector, 0)
    redis.keep()
    run(detector, 1)
    lose(redis)
    run(detector, 2)
    loss = RedisLoss.objects.get()
    with monkeypatch.context() as patch:
        patch.setattr(cards, "write_cards", lambda ids: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            repair(loss.pk, now=NOW)
    assert repair(loss.pk, now=NOW + 10)
