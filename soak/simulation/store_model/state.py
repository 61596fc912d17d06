"""What the model holds, and the decorator of its calls."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from activity.rules.person import Person
from activity.store.meter import count_documents, counted
from activity.types import Activity, Job, TimelineRow

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="State")

JobKey = tuple[str, str, str]  # kind, subject, target
RowKey = tuple[str, str]  # author, title


class State:
    """All documents. The values are immutable, so a reader may keep what it read."""

    def __init__(self) -> None:
        self.lock: Final = threading.RLock()
        self.people: dict[str, Person] = {}
        self.preferences: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, dict[str, int]] = {}
        self.activities: dict[tuple[str, str], Activity] = {}
        self.follows: dict[tuple[str, str], float] = {}
        self.timelines: dict[str, dict[RowKey, TimelineRow]] = {}
        self.jobs: dict[JobKey, Job] = {}

    def ensure_person(self, uid: str) -> Person:
        return self.people.setdefault(uid, Person(uid))

    def save_jobs(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self.jobs[job.kind, job.subject, job.target] = replace(job, first_due=job.due)


def store_call(
    documents: int = 0,
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """Decorate a call: it is counted, with this number of documents, and no other call runs meanwhile."""

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @wraps(method)
        def locked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            count_documents(documents)
            with self.lock:
                return method(self, *args, **kwargs)

        return counted(locked)

    return decorate
