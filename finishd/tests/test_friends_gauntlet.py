"""Timelines are correct a minute after workers and the broker were killed during deliveries."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from activity import timeline_cache
from activity.models import Follow, Person, TimelineRow
from activity.services import follows, presence, profiles, rebuilds, relations
from activity.store import get_store
from activity.types import Relation
from finishd.celery import app
from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import signal_group
from finishd.testing.inspection import read_timeline, rows_by_author_and_title
from finishd.testing.persistent_redis import PersistentRedis
from finishd.testing.processes import Processes, processes

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("long_redis_timeouts"),
    pytest.mark.timeout(600),
]
RIGHT_WITHIN = 60.0
WORKERS = 2
TITLES = [f"movie:{number}" for number in range(1, 25)]
LIKED = Relation(favorite=True)


class Fleet:
    """Workers and beat that are killed and restarted. Messages go to `broker`."""

    def __init__(self, around: Processes, broker: str) -> None:
        self._around, self._environment = around, {"CELERY_BROKER_URL": broker}
        self.workers = [self._worker() for _ in range(WORKERS)]
        around.beat(**self._environment)
        around.wait_for(lambda: around.output.count("ready.") >= WORKERS, seconds=90)

    def kill_one(self, rng: random.Random) -> None:
        place = rng.randrange(WORKERS)
        signal_group(self.workers[place].pid, signal.SIGKILL)
        self.workers[place] = self._worker()

    def _worker(self) -> "subprocess.Popen[bytes]":
        return self._around.worker("delivery", **self._environment)


class Crowd:
    """Kofi's followers, his activities, and the expected timelines."""

    def __init__(self, size: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.liked: set[str] = set()
        self.viewers = [f"viewer-{number:05}" for number in range(size)]
        self.followers = set(self.viewers)
        rows = [Follow(follower=viewer, followee="kofi", at=0) for viewer in self.viewers]
        Follow.objects.bulk_create(rows, batch_size=500)
        Person.objects.bulk_create([Person(uid=v, following_count=1) for v in self.viewers], batch_size=500)
        for viewer in self.viewers:
            presence.mark_active(viewer)

    def act(self) -> None:
        """Like one or two titles, undo one, end a follow and block a follower."""
        now = time.time()
        for title in self.rng.sample(sorted(set(TITLES) - self.liked), 2):
            relations.set_relation("kofi", title, LIKED, source=None, now=now)
            self.liked.add(title)
        if len(self.liked) > 4:
            title = self.rng.choice(sorted(self.liked))
            relations.set_relation("kofi", title, Relation(), source=None, now=now)
            self.liked.discard(title)
        for viewer in self.rng.sample(sorted(self.followers), 6):
            if self.rng.random() < 0.5:
                follows.unfollow(viewer, "kofi", now=now)
            else:
                follows.block("kofi", viewer, now=now)
            self.followers.discard(viewer)
        newcomer = f"newcomer-{self.rng.random()}"
        follows.follow(newcomer, "kofi", now=now)
        self.viewers.append(newcomer)
        self.followers.add(newcomer)

    def wrong(self, viewers: list[str]) -> list[str]:
        """Return the viewers whose durable timeline is not the expected one."""
        held: dict[str, set[str]] = {viewer: set() for viewer in viewers}
        for viewer, title in TimelineRow.objects.values_list("viewer", "title"):
            if viewer in held:
                held[viewer].add(title)
        return [v for v, titles in held.items() if titles != (self.liked if v in self.followers else set())]

    def assert_seen(self, viewers: list[str]) -> None:
        """Check timelines as plans read them, cached and after a reload."""
        for viewer in viewers:
            expected = {("kofi", title) for title in self.liked} if viewer in self.followers else set()
            for _ in ("as it is", "loaded anew"):
                profile = profiles.get(viewer)
                rows = [row for entry in read_timeline(profile) for row in entry.supporters]
                assert rows_by_author_and_title(rows).keys() == expected, viewer
                timeline_cache.invalidate(viewer)

    def sample(self, size: int) -> list[str]:
        return self.rng.sample(self.viewers, size)


@contextmanager
def broker_of(
    kind: str, redis_server: RedisServer, directory: Path
) -> Iterator[PersistentRedis | RedisServer]:
    """A persistent broker, or the shared Redis server, which loses everything."""
    if kind == "emptied":
        yield redis_server
        return
    directory.mkdir()
    broker = PersistentRedis(directory)
    try:
        yield broker
    finally:
        broker.close()


def run(size: int, rounds: int, kind: str, redis_server: RedisServer, tmp_path: Path) -> None:
    crowd = Crowd(size, seed=size)
    with processes(tmp_path) as around, broker_of(kind, redis_server, tmp_path / "broker") as broker:
        fleet = Fleet(around, broker.url)
        with messages_to(broker.url):
            for number in range(rounds):
                for viewer in crowd.sample(20):  # some timelines are cached
                    read_timeline(profiles.get(viewer))
                crowd.act()
                time.sleep(crowd.rng.uniform(0.05, 0.8))
                fleet.kill_one(crowd.rng)
                if number == rounds // 2:
                    broker.stop()
                    broker.start()
            restarted = time.monotonic()
            watched = crowd.viewers
            if kind == "emptied":
                # In an empty Redis all viewers are inactive. Only the timelines of returning viewers are rebuilt.
                watched = crowd.sample(min(size // 5, 300))
                for viewer in watched:
                    rebuilds.touch_viewer(profiles.get(viewer), now=time.time())
            while wrong := crowd.wrong(watched):
                assert time.monotonic() < restarted + RIGHT_WITHIN, (len(wrong), wrong[:5], waiting(around))
                time.sleep(0.5)
            took = time.monotonic() - restarted
            around.wait_for(lambda: not get_store().get_due_jobs(now=time.time() + 3_600), seconds=180)
        assert crowd.wrong(watched) == []
        crowd.assert_seen(random.Random(1).sample(watched, 60))
    print(f"{size} followers, {kind} broker: right after {took:.1f} s")


@contextmanager
def messages_to(url: str) -> Iterator[None]:
    """Send the messages of this process to another broker."""

    def point(at: str) -> None:
        app.conf.update(broker_url=at, broker_write_url=at)
        app._after_fork()  # type: ignore[attr-defined]  # closes its connections

    before = app.conf.broker_url
    point(url)
    try:
        yield
    finally:
        point(before)


def waiting(around: Processes) -> str:
    jobs = get_store().get_due_jobs(now=time.time() + 3_600)
    return f"{len(jobs)} jobs, {jobs[:3]}, {around.output[-1_500:]}"


KINDS = pytest.mark.parametrize("kind", ["persistent", "emptied"])


@pytest.mark.slow
@KINDS
def test_a_thousand_followers(kind: str, redis_server: RedisServer, tmp_path: Path) -> None:
    run(1_000, 6, kind, redis_server, tmp_path)


@pytest.mark.gauntlet
@KINDS
def test_five_thousand_followers(kind: str, redis_server: RedisServer, tmp_path: Path) -> None:
    run(5_000, 12, kind, redis_server, tmp_path)
