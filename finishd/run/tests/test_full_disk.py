"""`make run` on a disk that is full, or fills up: SQLite, Redis's append-only file, metrics and settings are on it."""

import os
import shutil
import signal
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from bench.processes import get_children
from core.tests.redis_faults import connect
from finishd.run import programs
from finishd.testing.persistent_redis import PersistentRedis
from finishd.testing.run_session import RunSession
from finishd.testing.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.timeout(300)

WAIT_SECONDS: Final = 60.0
ROUNDS: Final = 10
Requests = dict[str, Callable[[], httpx.Response]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", mebibytes=64) as disk:
        yield disk


def test_a_start_on_a_full_disk_ends_with_one_sentence(disk: SmallDisk) -> None:
    disk.fill()
    run = RunSession(disk.directory, disk=disk)
    assert run.wait() == 1
    assert len(run.lines) == 1, run.output
    assert run.output.startswith(
        f"finishd: The disk of FINISHD_DATA, {disk.directory}, is full: 0 MiB are free"
    )


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to find running processes")
def test_a_disk_that_fills_up_costs_writes_until_it_has_space_and_no_process(
    disk: SmallDisk, tmp_path: Path
) -> None:
    run = RunSession(disk.directory, disk=disk).wait_until_up()
    try:
        wait_until(lambda: run.output.count(" ready.") == len(programs.WORKERS))
        first = run.get("/api/v1/feed").json()
        reads, writes = get_requests(run, first["meta"]["cursor"])
        processes = set(run.find_processes())

        disk.fill()
        wait_until(lambda: all(send().status_code == 503 for send in writes.values()))
        statuses = send_all({**reads, **writes}, rounds=ROUNDS)
        assert statuses == {name: {200 if name in reads else 503} for name in statuses}
        second = run.get("/api/v1/feed", cursor=first["meta"]["cursor"]).json()
        assert set(run.find_processes()) == processes
        processes = replace_web_process(run, processes)
        assert send_all(reads, rounds=ROUNDS) == {name: {200} for name in reads}

        disk.free()
        wait_until(lambda: all(send().status_code == 200 for send in (reads | writes).values()))
        third = run.get("/api/v1/feed", cursor=second["meta"]["cursor"]).json()
        assert set(run.find_processes()) == processes
        shown = [item["id"] for page in (first, second, third) for item in page["feed"]]
        assert len(set(shown)) == len(shown) == 30
        assert run.interrupt() == 0
    finally:
        run.close()
    check_files(disk, tmp_path / "copy", session=first["meta"]["session"])


def get_requests(run: RunSession, cursor: str) -> tuple[Requests, Requests]:
    """Return the requests that a full disk lets pass, and those that it rejects."""
    like = {"title_id": "37799", "media_type": "movie"}
    is_favorite = False

    def change() -> httpx.Response:
        nonlocal is_favorite
        is_favorite = not is_favorite
        return run.post("/api/v1/user-titles/sync", is_favorite=is_favorite, **like)

    def send_event() -> httpx.Response:
        event = {"eventType": "view", "itemId": "the-social-network-2010", "durationWatched": 12}
        at = time.strftime("%FT%TZ", time.gmtime())
        return run.post("/api/v1/analytics/event", events=[{**event, "timestamp": at}])

    reads: Requests = {
        "page again": lambda: run.get("/api/v1/feed"),
        "next page": lambda: run.get("/api/v1/feed", cursor=cursor),
        "followers": lambda: run.get("/api/v1/social/followers/ama"),
        "stats": lambda: run.get("/api/v1/social/stats/ama"),
        "search": lambda: run.get("/api/v1/search", q="the"),
        "health": lambda: run.get("/health"),
    }
    new_plan = lambda: run.get("/api/v1/feed", feed_type="trending", refresh="true")  # noqa: E731
    return reads, {"new plan": new_plan, "like": change, "event": send_event}


def send_all(requests: Requests, *, rounds: int) -> dict[str, set[int]]:
    """Send each request so often, and return the status codes by request."""
    statuses: dict[str, set[int]] = defaultdict(set)
    for _ in range(rounds):
        for name, send in requests.items():
            statuses[name].add(send().status_code)
    return statuses


def replace_web_process(run: RunSession, processes: set[int]) -> set[int]:
    """Kill a web process, wait until the server has started another one, and return the current processes."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes}
    servers = [pid for pid, command in commands.items() if b"finishd.run.web" in command]
    web = max(child for server in servers for child in get_children(server))
    os.kill(web, signal.SIGKILL)
    wait_until(lambda: web not in run.find_processes() and len(run.find_processes()) == len(processes))
    return set(run.find_processes())


def check_files(disk: SmallDisk, copy: Path, *, session: str) -> None:
    """Assert that SQLite's file is sound, and that Redis loads its own and has the session."""
    shutil.copytree(disk.path, copy)
    with closing(sqlite3.connect(copy / "db.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    redis = PersistentRedis(copy / "redis")
    try:
        with connect(redis.url) as client:
            found: Any = client.exists(f"plan:{{ama}}:{session}")
            assert found == 1
    finally:
        redis.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
