"""Timelines are correct within a minute after workers and the broker were killed during deliveries."""

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
RECOVERY_SECONDS = 60.0
WORKERS = 2
TITLES = [f"movie:{number}" for number in range(1, 25)]
LIKED = Relation(favorite=True)


class Workers:
    """Beat, and workers that can be killed and are replaced. Their messages come from `broker`."""

    def __init__(self, running: Processes, broker: str) -> None:
        self._running, self._environment = running, {"CELERY_BROKER_URL": broker}
        self.workers = [self._start_worker() for _ in range(WORKERS)]
        running.beat(**self._environment)
        running.wait_for(lambda: running.output.count("ready.") >= WORKERS, seconds=90)

    def kill_one(self, rng: random.Random) -> None:
        index = rng.randrange(WORKERS)
        signal_group(self.workers[index].pid, signal.SIGKILL)
        self.workers[index] = self._start_worker()

    def _start_worker(self) -> "subprocess.Popen[bytes]":
        return self._running.worker("sweeps,delivery,repeats", **self._environment)


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

    def run_actions(self) -> None:
        """Like two titles, undo one, end six follows by unfollowing or blocking, and add a follower."""
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

    def find_wrong_timelines(self, viewers: list[str]) -> list[str]:
        """Return the viewers whose durable timeline is not the expected one."""
        titles_by_viewer: dict[str, set[str]] = {viewer: set() for viewer in viewers}
        for viewer, title in TimelineRow.objects.values_list("viewer", "title"):
            if viewer in titles_by_viewer:
                titles_by_viewer[viewer].add(title)
        return [viewer for viewer in viewers if titles_by_viewer[viewer] != self._get_expected_titles(viewer)]

    def check_timelines(self, viewers: list[str]) -> int:
        """Check timelines as plans read them, cached and after a reload. Return the number of compared rows."""
        compared = 0
        for viewer in viewers:
            expected = {("kofi", title) for title in self._get_expected_titles(viewer)}
            for _ in ("cached", "reloaded"):
                profile = profiles.get(viewer)
                rows = [row for entry in read_timeline(profile) for row in entry.supporters]
                assert rows_by_author_and_title(rows).keys() == expected, viewer
                compared += len(rows)
                timeline_cache.invalidate(viewer)
        return compared

    def sample(self, size: int) -> list[str]:
        return self.rng.sample(self.viewers, size)

    def _get_expected_titles(self, viewer: str) -> set[str]:
        return self.liked if viewer in self.followers else set()


@contextmanager
def start_broker(
    broker_kind: str, redis_server: RedisServer, directory: Path
) -> Iterator[PersistentRedis | RedisServer]:
    """Start a persistent broker, or return the shared Redis server, which keeps no data across restarts."""
    if broker_kind == "emptied":
        yield redis_server
        return
    directory.mkdir()
    broker = PersistentRedis(directory)
    try:
        yield broker
    finally:
        broker.close()


def run(size: int, rounds: int, broker_kind: str, redis_server: RedisServer, tmp_path: Path) -> int:
    """Check the timelines after workers and the broker were killed. Return the number of compared rows."""
    crowd = Crowd(size, seed=size)
    with (
        processes(tmp_path) as running,
        start_broker(broker_kind, redis_server, tmp_path / "broker") as broker,
    ):
        workers = Workers(running, broker.url)
        with use_broker(broker.url):
            for number in range(rounds):
                for viewer in crowd.sample(20):  # some timelines are cached
                    read_timeline(profiles.get(viewer))
                crowd.run_actions()
                time.sleep(crowd.rng.uniform(0.05, 0.8))
                workers.kill_one(crowd.rng)
                if number == rounds // 2:
                    broker.stop()
                    broker.start()
            restarted = time.monotonic()
            checked_viewers = crowd.viewers
            if broker_kind == "emptied":
                # In an empty Redis all viewers are inactive. Only the timelines of returning viewers are rebuilt.
                checked_viewers = crowd.sample(min(size // 5, 300))
                for viewer in checked_viewers:
                    rebuilds.touch_viewer(profiles.get(viewer), now=time.time())
            while wrong := crowd.find_wrong_timelines(checked_viewers):
                assert time.monotonic() < restarted + RECOVERY_SECONDS, (
                    len(wrong),
                    wrong[:5],
                    describe_backlog(running),
                )
                time.sleep(0.5)
            seconds = time.monotonic() - restarted
            running.wait_for(lambda: not get_store().get_due_jobs(now=time.time() + 3_600), seconds=180)
        assert crowd.find_wrong_timelines(checked_viewers) == []
        compared = crowd.check_timelines(random.Random(1).sample(checked_viewers, 60))
    print(f"{size} followers, {broker_kind} broker: correct after {seconds:.1f} s")
    return compared


@contextmanager
def use_broker(url: str) -> Iterator[None]:
    """Send the messages of this process to another broker."""

    def set_broker(broker_url: str) -> None:
        app.conf.update(broker_url=broker_url, broker_write_url=broker_url)
        app._after_fork()  # type: ignore[attr-defined]  # closes its connections

    before = app.conf.broker_url
    set_broker(url)
    try:
        yield
    finally:
        set_broker(before)


def describe_backlog(running: Processes) -> str:
    jobs = get_store().get_due_jobs(now=time.time() + 3_600)
    return f"{len(jobs)} jobs, {jobs[:3]}, {running.output[-1_500:]}"


each_broker = pytest.mark.parametrize("broker_kind", ["persistent", "emptied"])


@pytest.mark.slow
@each_broker
def test_the_timelines_of_a_thousand_followers_are_correct(
    broker_kind: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    assert run(1_000, 6, broker_kind, redis_server, tmp_path) > 0


@pytest.mark.gauntlet
@each_broker
def test_the_timelines_of_five_thousand_followers_are_correct(
    broker_kind: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    assert run(5_000, 12, broker_kind, redis_server, tmp_path) > 0
