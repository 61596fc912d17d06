"""What the tests of deliveries share: things people do, and what a viewer's timeline then holds."""

from collections.abc import Callable
from typing import Any

import pytest

from activity import timeline_cache
from activity.services import follows, presence, profiles, relations, timelines
from activity.store import get_store
from activity.types import Relation, TimelineRow
from core.redis.client import state_redis
from finishd.testing.people import Message, Messages

NOW = 1_795_000_000.0
FILM = "movie:1000"
LIKED = Relation(favorite=True)
NOTHING = Relation()


class Killed(BaseException):
    """A worker's process ends here."""


def state(uid: str, title: str = FILM, relation: Relation = LIKED, *, now: float = NOW) -> bool:
    return relations.set_relation(uid, title, relation, source=None, now=now).changed


def follow(uid: str, *targets: str, now: float = NOW) -> None:
    for target in targets:
        follows.follow(uid, target, now=now)


def friends(messages: Messages, *uids: str, of: str = "kofi") -> None:
    """Let these people be here and follow one, with nothing left to do."""
    for uid in uids:
        presence.mark_active(uid)
        follow(uid, of)
    messages.run_all()
    assert left() == set()


def left() -> set[tuple[str, str]]:
    """Jobs that are not done: (kind, subject)."""
    return {(job.kind, job.subject) for job in get_store().get_due_jobs(now=NOW * 2, limit=1_000)}


def durable(viewer: str) -> list[str]:
    """Titles on the timeline in the store, by author."""
    return [f"{row.author} {row.title}" for row in get_store().get_timeline(viewer, limit=1_000)]


def kept_hot(viewer: str) -> list[str] | None:
    [rows] = timeline_cache.read(timeline_cache.key(viewer)).fetch(state_redis())
    return None if rows is None else [f"{row.author} {row.title}" for row in rows]


def seen(viewer: str) -> list[TimelineRow]:
    """What a plan reads, loading it if need be."""
    entries = timelines.read(profiles.get(viewer)).fetch(state_redis())
    return [row for entry in entries for row in entry.supporters]


def shown(viewer: str) -> list[str]:
    return [f"{row.author} {row.title}" for row in seen(viewer)]


def everywhere(viewer: str) -> list[str]:
    """The timeline as plans see it, the same from the store, from Redis, and loaded anew."""
    rows = shown(viewer)
    assert sorted(rows) == sorted(durable(viewer))
    assert sorted(rows) == sorted(kept_hot(viewer) or [])
    timeline_cache.invalidate(viewer)
    assert shown(viewer) == rows
    return rows


def sweep(messages: Messages) -> None:
    messages.run(Message("activity.tasks.sweep_jobs", (), {}))


def meanwhile(patch: pytest.MonkeyPatch, method: str, act: Callable[[], Any], *, time: int = 1) -> None:
    """Let something happen right after the store answered this call for the `time`th time, once."""
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
