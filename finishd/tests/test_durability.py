"""What was acknowledged survives the death of a server's process, as docs/OPERATIONS.md promises."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from redis import Redis

from analytics import keys, stream
from core.redis.client import state_redis
from finishd.testing.persistent_redis import PersistentRedis

APPENDS: Final = 200
# Commits rows over the application's connection and dies without closing it.
COMMIT_AND_DIE: Final = """
import django, os, signal
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE acknowledged (number integer)")
    for number in range(50):
        cursor.execute("INSERT INTO acknowledged VALUES (%s)", [number])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("fsync", ["always", "everysec", "no"])
def test_no_acknowledged_event_is_lost_when_redis_is_killed(
    fsync: str, tmp_path: Path, settings: Any
) -> None:
    server = PersistentRedis(tmp_path, fsync=fsync)
    settings.CACHES = {name: {**cache, "LOCATION": server.url} for name, cache in settings.CACHES.items()}
    try:
        for number in range(APPENDS):
            stream.append(0, [b"%d" % number])
        with Redis.from_url(server.url) as client:
            # A disk that needs more than a second for its fsync delays writes, which may then be lost.
            is_slow = client.info("persistence")["aof_delayed_fsync"] if fsync == "everysec" else 0
        server.stop()  # SIGKILL
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.xlen(keys.EVENTS.name(shard=0)) == APPENDS or is_slow
        state_redis().connection_pool.disconnect()
    finally:
        caches.close_all()
        server.close()


def test_no_commit_is_lost_when_a_process_with_sqlite_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{path}"}
    command = [sys.executable, "-c", COMMIT_AND_DIE]
    environment["DJANGO_SETTINGS_MODULE"] = "finishd.settings"
    done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM acknowledged").fetchone() == (50,)


@pytest.mark.django_db
def test_the_database_has_the_durability_that_the_table_states() -> None:
    statement = "PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit"
    with connection.cursor() as cursor:
        cursor.execute(statement)
        (value,) = cursor.fetchone()
    assert value == (1 if connection.vendor == "sqlite" else "on")  # 1 is NORMAL


def test_redis_has_the_appendfsync_that_the_table_states() -> None:
    compose = Path(settings.BASE_DIR, "compose.yaml").read_text(encoding="utf-8")
    words = compose[compose.index("--appendfsync") :].split()
    assert words[2].strip("'\"") == "everysec"
