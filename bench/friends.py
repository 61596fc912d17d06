"""What a like costs to deliver: `.venv/bin/python -m bench.friends [FOLLOWERS …]`, on servers of its own.

For each number of followers: deliveries per second through Celery end to end and of the
chunk script alone (the floor), time until delivered, the longest pause that another client
of the same Redis saw beside the same probe at rest, and the size of a full timeline.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard

LIKES = 5
DEADLINE = 600.0
CHUNK = 500


@contextmanager
def servers() -> Iterator[None]:
    """A Redis, an SQLite file and a worker of the deliveries' queue; gone at the end, however it comes."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        guard = Guard()
        (data / "redis").mkdir()
        redis = RedisServer(directory=data / "redis", guard=guard)
        os.environ.update(
            FINISHD_DATA=folder,
            DEBUG="false",
            SECRET_KEY="for a measurement only",  # noqa: S106
            REDIS_URL=redis.url,
            DATABASE_URL=f"sqlite:///{data / 'db.sqlite3'}",
            REDIS_TIMEOUT="5",
            DJANGO_SETTINGS_MODULE="finishd.settings",
            LOG_LEVEL="ERROR",
        )
        worker = None
        try:
            import django  # noqa: PLC0415  (after the settings' environment)
            from django.core.management import call_command  # noqa: PLC0415

            django.setup()
            call_command("migrate", verbosity=0)
            command = [sys.executable, "-m", "celery", "-A", "finishd", "worker", "--queues", "fanout"]
            worker = subprocess.Popen(  # noqa: S603
                [*command, "--concurrency", "1", "--loglevel", "error"], stdout=subprocess.DEVNULL
            )
            yield
        finally:
            if worker is not None:
                worker.terminate()
                worker.wait(timeout=30)
            redis.stop()
            guard.close()


class Probe:
    """Pauses as a second client of Redis sees them: the longest time between asking and being answered."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        from redis import Redis  # noqa: PLC0415

        client = Redis.from_url(os.environ["REDIS_URL"])
        while not self._stop.wait(0.0005):
            begun = time.perf_counter()
            client.ping()
            self.worst = max(self.worst, time.perf_counter() - begun)


def populate(actor: str, followers: int) -> list[str]:
    """Followers who are about and whose timelines are loaded."""
    from activity import hot  # noqa: PLC0415
    from activity.models import Follow  # noqa: PLC0415
    from activity.services import presence  # noqa: PLC0415
    from finishd.lib.redis import store as redis  # noqa: PLC0415

    uids = [f"{actor}-fan-{number:06d}" for number in range(followers)]
    for start in range(0, followers, 5_000):
        part = uids[start : start + 5_000]
        Follow.objects.bulk_create([Follow(follower=uid, followee=actor, at=1.0) for uid in part])
        pipe = redis().pipeline()
        for uid in part:
            pipe.set(presence.key(uid), 1, ex=3600)
            pipe.zadd(hot.key(uid), {"": 0})
            pipe.expire(hot.key(uid), 3600)
        pipe.execute()
    return uids


def deliver_through_celery(actor: str, likes: int) -> list[float]:
    """Seconds from the request to the last follower's timeline, one like after the other."""
    from activity.services import relations  # noqa: PLC0415
    from activity.store import store  # noqa: PLC0415
    from activity.types import Relation  # noqa: PLC0415

    spent = []
    for number in range(likes):
        title = f"movie:{number + 1}"
        begun = time.perf_counter()
        relations.state(actor, title, Relation(favorite=True), source=None, now=time.time())
        while store().job("deliver", actor, title) is not None:
            if time.perf_counter() - begun > DEADLINE:
                raise SystemExit(f"{title} was not delivered within {DEADLINE:.0f} s")
            time.sleep(0.005)
        spent.append(time.perf_counter() - begun)
    return spent


def script_alone(actor: str, uids: list[str], likes: int) -> list[float]:
    """Seconds of the chunk script for all followers: the floor."""
    from activity import hot  # noqa: PLC0415
    from activity.types import Relation, TimelineRow  # noqa: PLC0415

    spent = []
    for number in range(likes):
        row = TimelineRow(actor, f"tv:{number + 1}", int(time.time()), favorite=True)
        begun = time.perf_counter()
        for start in range(0, len(uids), CHUNK):
            hot.deliver(uids[start : start + CHUNK], row, Relation(favorite=True))
        spent.append(time.perf_counter() - begun)
    return spent


def timeline_bytes() -> int:
    from activity import hot  # noqa: PLC0415
    from activity.types import TimelineRow  # noqa: PLC0415
    from finishd.lib.redis import store as redis  # noqa: PLC0415

    rows = [
        TimelineRow(
            f"a-friend-of-28-characters-{n:02d}"[:28], f"movie:{600_000 + n}", 1_795_000_000 - n, "finished"
        )
        for n in range(hot.CAP)
    ]
    hot.load("a-full-viewer", lambda: rows, limit=hot.CAP)
    return redis().memory_usage(hot.key("a-full-viewer")) or 0


def measure(followers: int) -> dict[str, Any]:
    actor = f"star{followers}"
    uids = populate(actor, followers)
    likes = LIKES if followers > 10_000 else 4 * LIKES
    with Probe() as rest:
        time.sleep(2)
    with Probe() as floor_probe:
        floor = script_alone(actor, uids, likes)
    with Probe() as probe:
        spent = deliver_through_celery(actor, likes)
    return {
        "followers": followers,
        "celery/s": followers / statistics.median(spent),
        "script/s": followers / statistics.median(floor),
        "ratio": statistics.median(floor) / statistics.median(spent),
        "p50 s": statistics.median(spent),
        "p99 s": max(spent),
        "pause ms at rest": rest.worst * 1000,
        "script alone": floor_probe.worst * 1000,
        "delivering": probe.worst * 1000,
    }


def main() -> None:
    sizes = [int(text) for text in sys.argv[1:]] or [1_000, 100_000]
    os.environ["FANOUT_PUSH_LIMIT"] = "1000000"
    with servers():
        for size in sizes:
            figures = measure(size)
            print("  ".join(f"{name} {value:,.3g}" for name, value in figures.items()))  # noqa: T201
        print(f"a timeline of 400 rows: {timeline_bytes():,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
