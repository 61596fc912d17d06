"""The second pass of an erasure removes the uid from Redis's append-only file."""

import logging
import math
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.utils import timezone
from redis.client import Redis

from activity.services import relations
from core.redis.append_only import rewrite_append_only_files
from core.redis.client import cache_redis, state_redis
from finishd.privacy import erasures
from finishd.privacy import services as privacy
from finishd.privacy.models import Erasure
from finishd.privacy.tests.people import LIKED, deliver_everything, make_busy, open_feeds
from finishd.testing.persistent_redis import PersistentRedis

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

UID = "ama-of-the-append-only-file"
PATIENCE = 30.0


@pytest.fixture
def aof(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Use a Redis server with an append-only file, and return its directory."""
    server = PersistentRedis(tmp_path, fsync="always")
    locations = {name: {**cache, "LOCATION": server.url} for name, cache in settings.CACHES.items()}
    settings.REDIS_URL = settings.CACHE_URL = server.url
    settings.CACHES = locations
    yield tmp_path
    caches.close_all()
    server.close()


def is_in_aof(directory: Path, text: str) -> bool:
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert any("aof" in path.name for path in files)
    return any(text.encode() in path.read_bytes() for path in files)


def wait_for_rewrite(client: Redis) -> None:
    deadline = time.monotonic() + PATIENCE
    while (info := client.info("persistence"))["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert info["aof_last_bgrewrite_status"] == "ok"


def run_both_passes(uid: str) -> tuple[Erasure, datetime]:
    now = timezone.now()
    request = erasures.request_erasure(uid, now=now)
    assert erasures.run_erasure(request.pk, now=now, until=math.inf)
    later = now + erasures.VERIFY_AFTER + timedelta(minutes=1)
    assert erasures.run_erasure(request.pk, now=later, until=math.inf)
    request.refresh_from_db()
    return request, later


@pytest.mark.usefixtures("catalogue")
def test_the_uid_is_not_in_the_append_only_file_after_the_second_pass(aof: Path) -> None:
    make_busy(UID)
    open_feeds(UID, "kofi")
    deliver_everything()
    name = f"{UID[:20]}'s name"  # as `make_busy` gives it
    assert is_in_aof(aof, UID)
    assert is_in_aof(aof, name)
    request, later = run_both_passes(UID)
    assert request.verified_at == later
    wait_for_rewrite(state_redis())
    assert not is_in_aof(aof, UID)
    assert not is_in_aof(aof, name)
    assert is_in_aof(aof, "kofi")


def test_a_second_pass_during_a_rewrite_is_repeated(aof: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relations.set_relation(UID, "movie:1", LIKED, source=None, now=time.time())
    assert is_in_aof(aof, f"profile:{{{UID}}}")
    # The new file takes a second per key, so the rewrite runs until the delay is removed.
    state_redis().rpush("filler", *range(2_000))
    state_redis().config_set("rdb-key-save-delay", 1_000_000)
    state_redis().bgrewriteaof()
    request, later = run_both_passes(UID)
    assert (request.verified_at, request.due_at) == (None, later + erasures.RETRY_AFTER)
    state_redis().config_set("rdb-key-save-delay", 0)
    wait_for_rewrite(state_redis())
    assert erasures.run_erasure(request.pk, now=request.due_at, until=math.inf)
    request.refresh_from_db()
    assert request.uid == ""
    wait_for_rewrite(state_redis())
    assert not is_in_aof(aof, UID)


def test_a_server_that_forbids_the_rewrite_does_not_stop_the_erasure(
    aof: Path, caplog: pytest.LogCaptureFixture
) -> None:
    relations.set_relation(UID, "movie:1", LIKED, source=None, now=time.time())
    state_redis().execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
    with caplog.at_level(logging.WARNING):
        request, later = run_both_passes(UID)
    assert request.verified_at == later
    assert "append-only file was not rewritten" in caplog.text
    assert UID not in caplog.text
    assert is_in_aof(aof, UID)


def test_a_server_without_an_append_only_file_is_left_alone() -> None:
    before = state_redis().info("persistence")
    assert rewrite_append_only_files([state_redis()])
    assert privacy.rewrite_append_only_files()
    after = state_redis().info("persistence")
    assert before["aof_enabled"] == after["aof_enabled"] == 0
    assert before["aof_rewrite_scheduled"] == after["aof_rewrite_scheduled"] == 0


@pytest.mark.usefixtures("aof")
def test_two_databases_of_one_server_cost_one_rewrite() -> None:
    client = state_redis()
    assert rewrite_append_only_files([client, cache_redis()])
    wait_for_rewrite(client)
    assert client.info("commandstats")["cmdstat_bgrewriteaof"]["calls"] == 1
