"""Shared steps of delivery tests: acts of people, and the contents of a viewer's timeline afterwards."""

from collections.abc import Callable
from typing import Any

import pytest

from activity import timeline_cache
from activity.services import follows, presence, profiles, relations, timelines
from activity.store import get_store
from activity.types import Relation, StoreUnavailable, TimelineRow
from core.redis.client import state_redis
from finishd.testing.people import Clock, Message, Messages

NOW = 1_795_000_000.0
FILM = "movie:1000"
LIKED = Relation(favorite=True)
KOFIS_LIKE = [f"kofi {FILM}"]
EMPTY = Relation()


class Killed(BaseException):
    """Stands for the death of a worker process."""


def set_relation(uid: str, title: str = FILM, relation: Relation = LIKED, *, now: float = NOW) -> bool:
    return relations.set_relation(uid, title, relation, source=None, now=now).changed


def follow(uid: str, *targets: str, now: float = NOW) -> None:
    for target in targets:
        follows.follow(uid, target, now=now)


def make_followers(messages: Messages, *uids: str, of: str = "kofi") -> None:
    """Make active followers of one person, and run all jobs."""
    for uid in uids:
        presence.mark_active(uid)
        follow(uid, of)
    messages.run_all()
    assert get_unfinished_jobs() == set()


def get_unfinished_jobs() -> set[tuple[str, str]]:
    """Return (kind, subject) of all unfinished jobs."""
    return {(job.kind, job.subject) for job in get_store().get_due_jobs(now=NOW * 2, limit=1_000)}


def get_durable_rows(viewer: str) -> list[str]:
    """Return "<author> <title>" of each row of the durable timeline."""
    return [f"{row.author} {row.title}" for row in get_store().get_timeline(viewer, limit=1_000)]


def get_cached_rows(viewer: str) -> list[str] | None:
    [rows] = timeline_cache.read(timeline_cache.key(viewer)).fetch(state_redis())
    return None if rows is None else [f"{row.author} {row.title}" for row in rows]


def read_rows(viewer: str) -> list[TimelineRow]:
    """Return the rows that a plan reads; loads a timeline that is not cached."""
    entries = timelines.read(profiles.get(viewer)).fetch(state_redis())
    return [row for entry in entries for row in entry.supporters]


def read_timeline(viewer: str) -> list[str]:
    return [f"{row.author} {row.title}" for row in read_rows(viewer)]


def read_timeline_everywhere(viewer: str) -> list[str]:
    """Return the timeline after checking that the store, the cache and a new load agree."""
    rows = read_timeline(viewer)
    assert sorted(rows) == sorted(get_durable_rows(viewer))
    assert sorted(rows) == sorted(get_cached_rows(viewer) or [])
    timeline_cache.invalidate(viewer)
    assert read_timeline(viewer) == rows
    return rows


def run_sweep(messages: Messages) -> None:
    messages.run(Message("activity.tasks.sweep_jobs", (), {}))


def meanwhile(patch: pytest.MonkeyPatch, method: str, act: Callable[[], Any], *, time: int = 1) -> None:
    """Call `act` once, right after the `time`th call of a store method, before the caller gets the result."""
    real = getattr(type(get_store()), method)
    calls = [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        answer = real(*args, **kwargs)
        calls[0] += 1
        if calls[0] == time:
            act()
        return answer

    patch.setattr(type(get_store()), method, call)


def die() -> None:
    raise Killed


def run_later(messages: Messages, clock: Clock) -> None:
    """Run all that the sweep and the workers do in the next minutes."""
    for _ in range(6):
        clock.now += 31
        run_sweep(messages)
        messages.run_all()
    assert get_unfinished_jobs() == set()


def undo(messages: Messages) -> None:
    """Undo Kofi's like, and deliver the undo before anything else runs."""
    set_relation("kofi", relation=EMPTY)
    while waiting := messages.by_kind("deliver"):
        messages.waiting.remove(waiting[0])
        messages.run(waiting[0])


def unfollow(messages: Messages) -> None:
    follows.unfollow("ama", "kofi", now=NOW)
    for message in messages.by_kind("purge"):
        messages.waiting.remove(message)
        messages.run(message)


def fail() -> Any:
    raise StoreUnavailable("switched off")
