"""Workers killed again and again while phones send events, Redis once: what was acknowledged counts exactly once."""

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
PHONES = 4  # that send at the same time
AGAIN = 0.05  # of all events are sent once more
KILL_EVERY = 4.0  # seconds; a worker is up again after three
GENRES = ("Drama", "Comedy", "Thriller", "Western", "Music", "War")


def genres_of(item: str) -> tuple[str, str]:
    number = int(item.partition("-")[2])
    return GENRES[number % 6].lower(), GENRES[(number * 5 + 1) % 6].lower()


def story(viewer: int, number: int, *, now: float) -> list[Json]:
    """What a viewer's phone has to tell: `number` events of the last hours, no two at the same millisecond."""
    rng = random.Random(viewer)
    return [
        make_event_body(
            rng,
            item=f"item-{int(rng.paretovariate(0.6)) % ITEMS}",
            at=now - rng.randrange(5) * 3_600 - place - viewer / 1_000,
            event_id=f"{viewer}-{place}" if place % 3 == 0 else None,
        )
        for place in range(number)
    ]


@dataclass
class Phones:
    """They send until they are told 200, as phones do."""

    web: Web
    stories: dict[str, list[Json]]
    rng: random.Random
    requests: int = 0
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def batches(self) -> list[tuple[str, list[Json]]]:
        """Every event in a batch of 20 to 200, some in two, in any order."""
        batches = []
        for viewer, events in self.stories.items():
            told = events + self.rng.sample(events, int(len(events) * AGAIN))
            self.rng.shuffle(told)
            while told:
                size = self.rng.randrange(20, 200)
                batches.append((viewer, told[:size]))
                told = told[size:]
        self.rng.shuffle(batches)
        return batches

    def send_all(self, *, seconds: float) -> None:
        """Spread over `seconds`, if the server can do it in that time."""
        batches = self.batches()
        began = time.monotonic()
        pauses = [began + seconds * place / len(batches) for place in range(len(batches))]
        with ThreadPoolExecutor(PHONES) as pool:
            list(pool.map(self._send, batches, pauses))

    def _send(self, batch: tuple[str, list[Json]], not_before: float) -> None:
        viewer, events = batch
        time.sleep(max(not_before - time.monotonic(), 0))
        deadline = time.monotonic() + 60
        while not self._taken(viewer, events):
            assert time.monotonic() < deadline, "a batch was never taken"
            time.sleep(0.2)

    def _taken(self, viewer: str, events: list[Json]) -> bool:
        try:
            answer = self.web.post("/api/v1/analytics/event", viewer, events=events)
        except httpx.TransportError:
            return False
        good = answer.status_code == 200
        with self._lock:
            self.requests += 1
            self.failed += not good
        assert good or answer.status_code == 503, answer.text
        return good


class Machinery:
    """Workers and beat on the Redis of this test, killed and started again."""

    def __init__(self, around: Processes, environment: dict[str, str]) -> None:
        self._around, self._environment = around, environment
        self.workers = [self._worker() for _ in range(WORKERS)]
        self.kills = 0
        around.beat(**environment)
        around.wait_for(lambda: around.output.count("ready.") >= WORKERS, seconds=90)

    def kill_one(self) -> None:
        place = self.kills % WORKERS
        signal_group(self.workers[place].pid, signal.SIGKILL)
        self.workers[place] = self._worker()
        self.kills += 1

    def _worker(self) -> "subprocess.Popen[bytes]":
        return self._around.worker("events", **self._environment)


@contextmanager
def disturbed(machinery: Machinery, redis: PersistentRedis, *, restart_after: float) -> Iterator[None]:
    """Kill a worker every few seconds, and Redis once, until the block ends."""
    over = threading.Event()

    def disturb() -> None:
        restart_at = time.monotonic() + restart_after
        while not over.wait(KILL_EVERY):
            machinery.kill_one()
            if time.monotonic() > restart_at:
                restart_at = float("inf")
                redis.stop()
                time.sleep(1)
                redis.start()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read(reader: str) -> int:
    """Events that a reader had."""
    return sum(Checkpoint.objects.filter(reader=reader).values_list("events", flat=True))


def wait_for(condition: Callable[[], bool], around: Processes, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (standing(), around.output[-3_000:])
        time.sleep(0.5)


def standing() -> str:
    """How far readers are, for whom a deadline has passed."""
    columns = ("reader", "shard", "entries_read", "events", "duplicates", "stream_resets", "advanced_at")
    rows = [
        " ".join(map(str, row))
        for row in Checkpoint.objects.order_by("reader", "shard").values_list(*columns)
    ]
    return f"{PendingHistory.objects.count()} rows pending; {'; '.join(rows)}"


def run(number: int, *, seconds: float, tmp_path: Path) -> dict[str, list[Json]]:
    """Let phones send so many events while workers are killed, and all of it be read and stored; what they told."""
    for genre in GENRES:
        genres.ensure_genre(genre)
    for item in (f"item-{number}" for number in range(ITEMS)):
        ItemFactory.create(id=item, genres=genres_of(item))
    now = time.time()
    stories = {f"viewer-{n:03}": story(n, number // VIEWERS, now=now) for n in range(VIEWERS)}
    directory = tmp_path / "redis"
    directory.mkdir()
    redis = PersistentRedis(directory, fsync="always")
    environment = dict.fromkeys(("REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL"), redis.url)
    environment["HISTORY_FLUSH_SECONDS"] = "10"
    try:
        with processes(tmp_path) as around:
            machinery = Machinery(around, environment)
            phones = Phones(around.web(**environment), stories, random.Random(number))
            with disturbed(machinery, redis, restart_after=seconds / 2):
                began = time.monotonic()
                phones.send_all(seconds=seconds)
                sent = time.monotonic()
            wait_for(lambda: min(read("counts"), read("history")) >= number, around, seconds=300)
            drained = time.monotonic()
            # Beat flushes each minute.
            wait_for(lambda: not PendingHistory.objects.exists(), around, seconds=300)
            flushed = time.monotonic()
    finally:
        redis.close()
    print(  # noqa: T201
        f"{number} events in {phones.requests} requests, {phones.failed} of them 503, in {sent - began:.0f} s; "
        f"{machinery.kills} workers killed; all read {drained - sent:.1f} s after the last request, "
        f"stored after {flushed - sent:.0f} s"
    )
    return stories


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        pytest.param(20_000, 24, marks=pytest.mark.slow),
        pytest.param(1_000_000, 240, marks=pytest.mark.gauntlet),
    ],
)
def test_what_was_acknowledged_counts_once_whatever_dies(number: int, seconds: int, tmp_path: Path) -> None:
    stories = run(number, seconds=seconds, tmp_path=tmp_path)
    assert stored_counts() == expected_counts(stories)
    assert find_mismatches(stories, stored_histories(), genres_of) == []
    assert read("counts") == read("history") == number
