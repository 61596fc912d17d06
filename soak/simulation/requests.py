"""What people do: each action runs the services that its endpoint runs, under the same deadline.

Requests and their answers are operations of the history that `soak.checks` check.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import msgspec
import orjson
from django.conf import settings

from activity.services import follows, relations
from activity.types import Relation, StoreUnavailable
from analytics.services import ingest
from analytics.stream import StreamFull
from core import deadlines
from core.deadlines import DeadlinePassed
from core.outages import REDIS_UNAVAILABLE, SqlUnavailable
from core.times import format_utc_milliseconds
from feed import cursor as cursors
from feed.rendering import render_page
from feed.services import pages
from feed.services.sessions import PageRequest
from finishd.testing.expected import RELATIONS
from soak.history import Operation
from soak.observing import make_event, make_page
from soak.simulation.environment import Environment
from soak.simulation.processes import Process
from soak.simulation.steps import Step

UNAVAILABLE: Final = (StoreUnavailable, SqlUnavailable, StreamFull, DeadlinePassed, *REDIS_UNAVAILABLE)
Json = dict[str, Any]


class Answer(IntEnum):
    """How a request ended. Without a 200 or a 400 the change may be stored or not."""

    NONE = 0  # its process was killed
    OK = 200
    REJECTED = 400
    BROKEN = 500
    FAILED = 503


@dataclass(slots=True)
class Phone:
    """A person's phone: the feed that it scrolls, and the events without a 200."""

    uid: str
    cursor: str | None = None
    feed: str = "for_you"
    limit: int = 5
    is_loading: bool = False
    unsent: list[Json] = field(default_factory=list)
    sent: list[Json] = field(default_factory=list)  # the last ones with a 200
    is_sending: bool = False


@dataclass(eq=False, slots=True)
class Request:
    """A request that was started, as the operation without its answer. `finish` is called with the answer."""

    operation: Operation
    work: Callable[[], Json]
    finish: Callable[[Answer], None]
    answer: Answer | None = None

    def __str__(self) -> str:
        return f"{self.operation.kind} of {self.operation.actor}"


class Requests:
    """Starts requests and records their answers. `errors` are those that were a 500."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.operations: list[Operation] = []
        self.phones: dict[str, Phone] = {}
        self.by_process: dict[Process, Request] = {}
        self.errors: list[str] = []
        self._events = 0

    @property
    def now(self) -> float:
        return self.environment.clock.now

    def start(self, step: Step) -> Process | None:
        """Start the request of a step; return None if the phone would not send it now."""
        action, uid, *args = step
        phone = self.phones.setdefault(uid, Phone(uid))
        request = self._prepare(phone, action, args)
        if request is None:
            return None
        process = Process(
            f"{action} of {uid}",
            work=lambda: self._run(request),
            on_killed=lambda: self._answer(request, Answer.NONE),
            started_at=self.now,
        )
        self.by_process[process] = request
        self.environment.scheduler.start(process)
        return process

    def _prepare(self, phone: Phone, action: str, args: list[Any]) -> Request | None:
        match action:
            case "like" | "undo":
                relation = RELATIONS[args[1]] if action == "like" else Relation()
                return self._make_change(phone, "relate", args[0], relation)
            case "follow" | "unfollow" | "block" | "unblock":
                return self._make_change(phone, action, args[0])
            case "open_feed" | "scroll":
                return self._prepare_page(phone, *args)
            case "send_events" | "resend_events":
                return self._prepare_events(phone, *args)
        raise ValueError(f"unknown action {action}")

    def _run(self, request: Request) -> None:
        body: Json | None = None
        try:
            with deadlines.request_deadline(settings.REQUEST_DEADLINE):
                body = request.work()
            answer = Answer.OK
        except UNAVAILABLE:
            answer = Answer.FAILED
        except ValueError:  # blocked, or a limit is reached
            answer = Answer.REJECTED
        except Exception as reason:
            self.errors.append(f"{request}: {type(reason).__name__}: {reason}")
            answer = Answer.BROKEN
        self.environment.scheduler.pause()  # the process may still be killed before it answers
        self._answer(request, answer, body)

    def _answer(self, request: Request, answer: Answer, body: Json | None = None) -> None:
        request.answer = answer
        values: Json = {"end": self.now, "status": int(answer)}
        if body is not None and request.operation.kind == "page":
            values["page"] = make_page(body["query"], body)
        self.operations.append(msgspec.structs.replace(request.operation, **values))
        request.finish(answer)

    def _make_change(
        self, phone: Phone, kind: Any, subject: str, relation: Relation | None = None
    ) -> Request:
        def work() -> Json:
            if relation is None:
                getattr(follows, kind)(phone.uid, subject, now=self.now)
            else:
                relations.set_relation(phone.uid, subject, relation, source=None, now=self.now)
            return {}

        present = relation is None or not relation.is_empty
        return Request(self._begin(phone, kind, subject, present=present), work, lambda _: None)

    def _begin(self, phone: Phone, kind: Any, subject: str, **values: Any) -> Operation:
        return Operation(phone.uid, kind, subject, self.now, self.now, endpoint=kind, **values)

    # --- pages ---

    def _prepare_page(self, phone: Phone, feed: str = "", limit: int = 0) -> Request | None:
        if phone.is_loading or not (feed or phone.cursor):
            return None
        phone.is_loading = True
        if feed:
            phone.cursor, phone.feed, phone.limit = None, feed, limit
        operation = self._begin(phone, "page", phone.feed)
        query = {"cursor": phone.cursor, "feed_type": phone.feed}
        pages_read: list[Json] = []

        def work() -> Json:
            pages_read.append(self._get_page(phone) | {"query": query})
            return pages_read[0]

        def finish(answer: Answer) -> None:
            phone.is_loading = False
            if answer is Answer.OK:
                phone.cursor = pages_read[0]["meta"]["cursor"]

        return Request(operation, work, finish)

    def _get_page(self, phone: Phone) -> Json:
        verified = phone.cursor and cursors.verify(
            phone.cursor, viewer=phone.uid, feed=phone.feed, now=self.now
        )
        asked = PageRequest(
            phone.uid, phone.feed, phone.limit, self.now, verified or None, refresh=verified is None
        )
        with (
            deadlines.request_deadline(settings.PAGE_DEADLINE),
            deadlines.optional_budget(settings.PAGE_BUDGET),
        ):
            page = pages.get_page(asked)
        body: Json = orjson.loads(render_page(page, asked, started=asked.now).content)
        return body

    # --- events ---

    def _prepare_events(self, phone: Phone, chosen: tuple[tuple[str, str], ...] = ()) -> Request | None:
        """Send events. Without new ones, send those without a 200, or the last ones again, as apps that restart do."""
        if phone.is_sending or not (chosen or phone.unsent or phone.sent):
            return None
        phone.is_sending = True
        phone.unsent += [self._make_event(item, kind) for item, kind in chosen]
        sent = list(phone.unsent or phone.sent)

        def work() -> Json:
            result = ingest.accept(phone.uid, sent, now=self.now)
            return {"accepted": result.accepted}

        def finish(answer: Answer) -> None:
            phone.is_sending = False
            if answer is Answer.OK:
                phone.unsent, phone.sent = [], sent

        events = tuple(make_event(body) for body in sent)
        return Request(self._begin(phone, "report", "", events=events), work, finish)

    def _make_event(self, item: str, kind: str) -> Json:
        self._events += 1
        body: Json = {
            "eventId": f"event-{self._events}",
            "eventType": kind,
            "itemId": item,
            "timestamp": format_utc_milliseconds(self.now).removesuffix("Z"),
        }
        if kind in {"view", "complete"}:
            body["durationWatched"] = 5
        return body
