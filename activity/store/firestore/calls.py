"""The one way to Firestore: every RPC has a deadline, and retries end with the call they belong to.

Google's library alone does not bound a call: `timeout=` is what one attempt may take, and reads are
attempted for five minutes. Here a store method has a budget of seconds, and whatever it does (attempts,
pauses, conflicts) happens within it.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, Literal, ParamSpec, TypeVar

from django.conf import settings
from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPICallError,
    InternalServerError,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    RetryError,
    ServiceUnavailable,
)
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1 import DocumentReference, Query, WriteBatch
from google.cloud.firestore_v1.aggregation import AggregationQuery
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch

from activity.store.firestore.client import client, put_aside
from activity.store.firestore.layout import Snapshot
from activity.store.meter import guarded, metered
from activity.types import Document, StoreUnavailable
from core import deadlines

P = ParamSpec("P")
R = TypeVar("R")

LONG: Final = 8  # a bulk method's budget, in those of a small one
# Bounds of one request: 500 writes in production, 10 MiB there and 4 MiB on the emulator.
WRITES_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 3_000_000

_PASSING = (Aborted, DeadlineExceeded, InternalServerError, ResourceExhausted, ServiceUnavailable)
_PASSING_CODES: Final = frozenset({4, 8, 10, 13, 14})  # the same, as a bulk write's statuses say them
_GONE: Final = 5  # NOT_FOUND
# The library's own loops: off. It wants a policy, not None, when a query's stream breaks.
_ONCE = Retry(predicate=lambda _: False, timeout=0.0)

_ends_at: ContextVar[float] = ContextVar("firestore_ends_at")


class Conflict(Exception):
    """Somebody else wrote what a change was based on; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a bulk: `set` replaces or makes, `update` changes fields of a document if it is there."""

    verb: Literal["set", "update", "delete"]
    ref: DocumentReference
    data: Document | None = None

    def add_to(self, batch: BulkWriteBatch) -> None:
        if self.verb == "delete":
            batch.delete(self.ref)
        elif self.verb == "set":
            batch.set(self.ref, self.data or {})
        else:
            batch.update(self.ref, self.data or {})

    @property
    def size(self) -> int:
        """About its bytes in a request."""
        fields = (self.data or {}).items()
        return 200 + 2 * len(str(self.ref.path)) + sum(20 + len(key) + _bytes(value) for key, value in fields)


def call(method: Callable[P, R]) -> Callable[P, R]:
    """A store method: counted, behind the breaker, done or StoreUnavailable within FIRESTORE_DEADLINE seconds, or what
    the request has left."""
    return metered(guarded(_budgeted(method, 1)))


def long_call(method: Callable[P, R]) -> Callable[P, R]:
    """As `call`, for what moves hundreds of documents: `LONG` times the budget."""
    return metered(guarded(_budgeted(method, LONG)))


def read(refs: Sequence[DocumentReference], *, fields: Sequence[str] | None = None) -> list[Snapshot]:
    """The documents in the order asked for; one that is missing says so by `exists`. 1 RPC."""
    if not refs:
        return []

    answer = _answer(lambda timeout: list(client().get_all(list(refs), fields, retry=_ONCE, timeout=timeout)))
    by_path = {snapshot.reference.path: snapshot for snapshot in answer}
    return [by_path[ref.path] for ref in refs]


def find(query: Query) -> list[Snapshot]:
    """What a query matches. 1 RPC."""
    return _answer(lambda timeout: list(query.stream(retry=_ONCE, timeout=timeout)))


def count(query: Query) -> int:
    """How many documents a query matches. 1 RPC, billed as a document per 1,000."""
    counting = AggregationQuery(query).count()
    answer: Any = _answer(lambda timeout: counting.get(retry=_ONCE, timeout=timeout))
    return int(answer[0][0].value)


def commit(batch: WriteBatch) -> None:
    """Apply all writes of a batch or none. Raises Conflict when a precondition fails. 1 RPC."""
    try:
        _answer(lambda timeout: batch.commit(retry=_ONCE, timeout=timeout), conflicts=True)
    except (AlreadyExists, FailedPrecondition, NotFound) as reason:
        raise Conflict(str(reason)) from reason


def bulk(writes: Iterable[Write]) -> None:
    """Apply writes that do not depend on each other, the last of a document; updates of what is gone are dropped.

    All are done when it returns; when it raises, some are. 1 RPC for 500 of them or 3 MB.
    """
    for part in _parts(list({write.ref.path: write for write in writes}.values())):
        left, pause = part, 0.02
        while left := _written(left):
            rest(random.uniform(pause / 2, pause))  # noqa: S311
            pause = min(2 * pause, 1.0)


def rest(seconds: float) -> None:
    """Wait within the budget. Raises StoreUnavailable when it does not last."""
    if time.monotonic() + seconds >= _ends_at.get():
        raise StoreUnavailable("Firestore: too many others write the same documents")
    time.sleep(seconds)


def _budgeted(method: Callable[P, R], share: int) -> Callable[P, R]:
    @wraps(method)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        with _until(
            time.monotonic() + min(share * settings.FIRESTORE_DEADLINE, deadlines.remaining_optional())
        ):
            try:
                return method(*args, **kwargs)
            except GoogleAuthError as reason:  # no credentials, or their server does not answer
                raise StoreUnavailable(f"Firestore: {reason}") from reason

    return within


@contextmanager
def _until(ends_at: float) -> Iterator[None]:
    token = _ends_at.set(ends_at)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _answer(rpc: Callable[[float], R], *, conflicts: bool = False) -> R:
    """What an RPC answers, attempted again while that may help and the budget lasts."""
    left = max(_ends_at.get() - time.monotonic(), 0.0)
    retry = Retry(if_exception_type(*_PASSING), initial=0.05, maximum=1.0, multiplier=2.0, timeout=left)
    used = client()
    try:
        return retry(lambda: rpc(_attempt_seconds()))()
    except (DeadlineExceeded, RetryError, ServiceUnavailable) as reason:
        put_aside(used)
        raise StoreUnavailable(f"Firestore: {reason}") from reason
    except InvalidArgument:  # our mistake: trying later will not help, and the breaker must not open for it
        raise
    except GoogleAPICallError as reason:
        if conflicts and isinstance(reason, AlreadyExists | FailedPrecondition | NotFound):
            raise
        raise StoreUnavailable(f"Firestore: {reason}") from reason


def _attempt_seconds() -> float:
    seconds: float = min(settings.FIRESTORE_TIMEOUT, _ends_at.get() - time.monotonic())
    return max(seconds, 0.01)


def _parts(writes: list[Write]) -> Iterator[list[Write]]:
    part: list[Write] = []
    size = 0
    for write in writes:
        if part and (len(part) >= WRITES_AT_ONCE or size + write.size > BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(write)
        size += write.size
    if part:
        yield part


def _written(writes: list[Write]) -> list[Write]:
    """Write them; those that failed for a reason that passes."""
    batch = BulkWriteBatch(client())
    for write in writes:
        write.add_to(batch)
    answer = _answer(lambda timeout: batch.commit(retry=_ONCE, timeout=timeout))
    failed = []
    for write, status in zip(writes, answer.status, strict=True):
        if status.code in _PASSING_CODES:
            failed.append(write)
        elif status.code not in {0, _GONE}:
            raise StoreUnavailable(f"Firestore refused a write: {status.message}")
    return failed


def _bytes(value: object) -> int:
    return len(value) if isinstance(value, bytes) else len(str(value).encode())
