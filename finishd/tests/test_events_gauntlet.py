"""Test that acknowledged events count exactly once while workers are killed and Redis restarts."""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from activity.models import PendingHistory
from analytics.models import Checkpoint
from content.services import genres
from content.tests.factories import ItemFactory
from finishd.run.guard import signal_group
from finishd.testing.expected_history import Json, expected_counts, find_mismatches, make_event_body
from finishd.testing.inspection import stored_counts, stored_histories
from finishd.testing.persistent_redis import PersistentRedis
from finishd.testing.processes import Processes, Web, processes

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(1_800),
]
VIEWERS = 500
ITEMS = 300
WORKERS = 2
CONCURRENT_REQUESTS = 4
DUPLICATE_SHARE = 0.05  # of all events are sent twice
KILL_INTERVAL_SECONDS = 4.0  # a worker is ready again after three
GENRES = ("Drama", "Comedy", "Thriller", "Western", "Music", "War")


def get_genres(item: str) -> tuple[str, str]:
    number = int(item.partition("-")[2])
    return GENRES[number % 6].lower(), GENRES[(number * 5 + 1) % 6].lower()


def make_viewer_events(viewer: int, number: int, *, now: float) -> list[Json]:
    """Return `number` events of a viewer in the last hours, each in a millisecond of its own."""
    rng = random.Random(viewer)
    return [
        make_event_body(
            rng,
            item=f"item-{int(rng.paretovariate(0.6)) % ITEMS}",
            at=now - rng.randrange(5) * 3_600 - index - viewer / 1_000,
            event_id=f"{viewer}-{index}" if index % 3 == 0 else None,
        )
        for index in range(number)
    ]


@dataclass
class Phones:
    """Clients that send each batch until the response is 200."""

    web: Web
    events_by_viewer: dict[str, list[Json]]
    rng: random.Random
    requests: int = 0
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make_batches(self) -> list[tuple[str, list[Json]]]:
        """Return batches of 20 to 200 events in random order. Some events are in two batches."""
        batches = []
        for viewer, events in self.events_by_viewer.items():
            unsent = events + self.rng.sample(events, int(len(events) * DUPLICATE_SHARE))
            self.rng.shuffle(unsent)
            while unsent:
                size = self.rng.randrange(20, 200)
                batches.append((viewer, unsent[:size]))
                unsent = unsent[size:]
        self.rng.shuffle(batches)
        return batches

    def send_all(self, *, seconds: float) -> None:
        """Send all batches, spread over `seconds` if the server is fast enough."""
        batches = self.make_batches()
        started_at = time.monotonic()
        start_times = [started_at + seconds * index / len(batches) for index in range(len(batches))]
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            list(pool.map(self._send, batches, start_times))

    def _send(self, batch: tuple[str, list[Json]], not_before: float) -> None:
        viewer, events = batch
        time.sleep(max(not_before - time.monotonic(), 0))
        deadline = time.monotonic() + 60
        while not self._is_accepted(viewer, events):
            assert time.monotonic() < deadline, "a batch was not accepted within 60 s"
            time.sleep(0.2)

    def _is_accepted(self, viewer: str, events: list[Json]) -> bool:
        try:
            response = self.web.post("/api/v1/analytics/event", viewer, events=events)
        except httpx.TransportError:
            return False
        is_accepted = response.status_code == 200
        with self._lock:
            self.requests += 1
            self.failed += not is_accepted
        assert is_accepted or response.status_code == 503, response.text
        return is_accepted


class Workers:
    """Workers and beat on the Redis of this test. Workers can be killed and are replaced."""

    def __init__(self, started: Processes, environment: dict[str, str]) -> None:
        self._started, self._environment = started, environment
        self.workers = [self._start_worker() for _ in range(WORKERS)]
        self.kills = 0
        started.beat(**environment)
        started.wait_for(lambda: started.output.count("ready.") >= WORKERS, seconds=90)

    def kill_one(self) -> None:
        index = self.kills % WORKERS
        signal_group(self.workers[index].pid, signal.SIGKILL)
        self.workers[index] = self._start_worker()
        self.kills += 1

    def _start_worker(self) -> "subprocess.Popen[bytes]":
        return self._started.worker("sweeps,events", **self._environment)


@contextmanager
def inject_faults(workers: Workers, redis: PersistentRedis, *, restart_after: float) -> Iterator[None]:
    """Kill a worker every few seconds, and restart Redis once, until the block ends."""
    is_over = threading.Event()

    def run() -> None:
        restart_at = time.monotonic() + restart_after
        while not is_over.wait(KILL_INTERVAL_SECONDS):
            workers.kill_one()
            if time.monotonic() > restart_at:
                restart_at = float("inf")
                redis.stop()
                time.sleep(1)
                redis.start()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def count_read_events(reader: str) -> int:
    """Return the number of events that a reader has read."""
    return sum(Checkpoint.objects.filter(reader=reader).values_list("events", flat=True))


def wait_for(condition: Callable[[], bool], started: Processes, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (describe_progress(), started.output[-3_000:])
        time.sleep(0.5)


def describe_progress() -> str:
    """Describe the progress of readers, for the message of a missed deadline."""
    columns = ("reader", "shard", "entries_read", "events", "duplicates", "stream_resets", "advanced_at")
    rows = [
        " ".join(map(str, row))
        for row in Checkpoint.objects.order_by("reader", "shard").values_list(*columns)
    ]
    return f"{PendingHistory.objects.count()} rows pending; {'; '.join(rows)}"


def send_and_read_events(number: int, *, seconds: float, tmp_path: Path) -> dict[str, list[Json]]:
    """Send events while workers are killed, wait until all are read and stored, and return them by viewer."""
    for genre in GENRES:
        genres.ensure_genre(genre)
    for item in (f"item-{index}" for index in range(ITEMS)):
        ItemFactory.create(id=item, genres=get_genres(item))
    now = time.time()
    events_by_viewer = {
        f"viewer-{n:03}": make_viewer_events(n, number // VIEWERS, now=now) for n in range(VIEWERS)
    }
    directory = tmp_path / "redis"
    directory.mkdir()
    redis = PersistentRedis(directory, fsync="everysec")
    environment = dict.fromkeys(("REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL"), redis.url)
    environment["HISTORY_FLUSH_SECONDS"] = "10"
    try:
        with processes(tmp_path) as started:
            workers = Workers(started, environment)
            phones = Phones(started.web(**environment), events_by_viewer, random.Random(number))
            with inject_faults(workers, redis, restart_after=seconds / 2):
                started_at = time.monotonic()
                phones.send_all(seconds=seconds)
                sent = time.monotonic()
            wait_for(
                lambda: min(count_read_events("counts"), count_read_events("history")) >= number,
                started,
                seconds=300,
            )
            read = time.monotonic()
            # Beat flushes each minute.
            wait_for(lambda: not PendingHistory.objects.exists(), started, seconds=300)
            flushed = time.monotonic()
    finally:
        redis.close()
    print(
        f"{number} events in {phones.requests} requests, {phones.failed} of them 503, in {sent - started_at:.0f} s; "
        f"{workers.kills} workers killed; all read {read - sent:.1f} s after the last request, "
        f"stored after {flushed - sent:.0f} s"
    )
    return events_by_viewer


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        pytest.param(20_000, 24, marks=pytest.mark.slow),
        pytest.param(1_000_000, 240, marks=pytest.mark.gauntlet),
    ],
)
def test_acknowledged_events_count_once_although_processes_are_killed(
    number: int, seconds: int, tmp_path: Path
) -> None:
    events_by_viewer = send_and_read_events(number, seconds=seconds, tmp_path=tmp_path)
    assert stored_counts() == expected_counts(events_by_viewer)
    assert find_mismatches(events_by_viewer, stored_histories(), get_genres) == []
    assert count_read_events("counts") == count_read_events("history") == number
