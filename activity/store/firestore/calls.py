"""All RPCs to Firestore: every one has a deadline, and retries end with the store call they belong to.

Google's library alone does not bound a call: its `timeout=` is for one attempt, and it retries reads for five minutes.
Here a store method has a budget of seconds for everything it does: attempts, pauses and conflicts.
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

from activity.store.firestore.client import discard_client, get_client
from activity.store.firestore.layout import Snapshot
from activity.store.meter import counted, protected
from activity.types import StoredDocument, StoreUnavailable
from core import deadlines

P = ParamSpec("P")
R = TypeVar("R")

BULK_BUDGET_FACTOR: Final = 8  # a bulk method's budget, as a multiple of FIRESTORE_DEADLINE
# Limits of one request: 500 writes and 10 MiB in production, 4 MiB on the emulator.
MAX_WRITES_PER_REQUEST: Final = 500
MAX_BYTES_PER_REQUEST: Final = 3_000_000

_TRANSIENT_ERRORS = (Aborted, DeadlineExceeded, InternalServerError, ResourceExhausted, ServiceUnavailable)
_TRANSIENT_CODES: Final = frozenset({4, 8, 10, 13, 14})  # the same, as status codes of bulk writes
_NOT_FOUND: Final = 5
# Turns off the library's own retries. When a query's stream breaks, it needs a policy, not None.
_NO_RETRY = Retry(predicate=lambda _: False, timeout=0.0)

_budget_ends_at: ContextVar[float] = ContextVar("firestore_budget_ends_at")


class Conflict(Exception):
    """Another change wrote a document that a change had read. Nothing of the change was applied."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a bulk: `set` replaces or creates a document, `update` changes fields of an existing one."""

    operation: Literal["set", "update", "delete"]
    ref: DocumentReference
    data: StoredDocument | None = None

    def add_to(self, batch: BulkWriteBatch) -> None:
        if self.operation == "delete":
            batch.delete(self.ref)
        elif self.operation == "set":
            batch.set(self.ref, self.data or {})
        else:
            batch.update(self.ref, self.data or {})

    @property
    def size(self) -> int:
        """Its approximate size in a request, in bytes."""
        fields = (self.data or {}).items()
        return 200 + 2 * len(str(self.ref.path)) + sum(20 + len(key) + _bytes(value) for key, value in fields)


def store_call(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a store method: count it, and protect it by the circuit breaker and a budget.

    It ends or raises StoreUnavailable within FIRESTORE_DEADLINE seconds or the request's deadline, if that is earlier.
    """
    return counted(protected(_with_budget(method, 1)))


def bulk_store_call(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a store method of hundreds of documents: as `store_call`, with BULK_BUDGET_FACTOR times the budget."""
    return counted(protected(_with_budget(method, BULK_BUDGET_FACTOR)))


def read(refs: Sequence[DocumentReference], *, fields: Sequence[str] | None = None) -> list[Snapshot]:
    """Read documents in the given order. A missing one has `exists` false. 1 RPC, none for no documents."""
    if not refs:
        return []
    snapshots = _call_with_retry(
        lambda timeout: list(get_client().get_all(list(refs), fields, retry=_NO_RETRY, timeout=timeout))
    )
    by_path = {snapshot.reference.path: snapshot for snapshot in snapshots}
    return [by_path[ref.path] for ref in refs]


def run_query(query: Query) -> list[Snapshot]:
    """Return the documents that a query matches. 1 RPC."""
    return _call_with_retry(lambda timeout: list(query.stream(retry=_NO_RETRY, timeout=timeout)))


def count_matches(query: Query) -> int:
    """Count the documents that a query matches. 1 RPC, billed as one document per 1,000."""
    counting = AggregationQuery(query).count()
    result: Any = _call_with_retry(lambda timeout: counting.get(retry=_NO_RETRY, timeout=timeout))
    return int(result[0][0].value)


def commit(batch: WriteBatch) -> None:
    """Apply all writes of a batch or none. Raises Conflict if a precondition fails. 1 RPC."""
    try:
        _call_with_retry(lambda timeout: batch.commit(retry=_NO_RETRY, timeout=timeout), conflicts=True)
    except (AlreadyExists, FailedPrecondition, NotFound) as reason:
        raise Conflict(str(reason)) from reason


def write_bulk(writes: Iterable[Write]) -> None:
    """Apply independent writes, the last one of each document. Updates of missing documents are ignored.

    All are applied when this returns; when it raises, some may be. 1 RPC for 500 writes or 3 MB.
    """
    for part in _split(list({write.ref.path: write for write in writes}.values())):
        remaining, pause = part, 0.02
        while remaining := _write_once(remaining):
            sleep_within_budget(pause / 2, pause)
            pause = min(2 * pause, 1.0)


def sleep_within_budget(shortest: float, longest: float) -> None:
    """Sleep for a random time. Raises StoreUnavailable if the budget would be spent."""
    seconds = random.uniform(shortest, longest)  # noqa: S311
    if time.monotonic() + seconds >= _budget_ends_at.get():
        raise StoreUnavailable("Firestore: the budget is spent; too many writes to the same documents")
    time.sleep(seconds)


def _with_budget(method: Callable[P, R], factor: int) -> Callable[P, R]:
    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        seconds = min(factor * settings.FIRESTORE_DEADLINE, deadlines.remaining_optional())
        with _set_budget_end(time.monotonic() + seconds):
            try:
                return method(*args, **kwargs)
            except GoogleAuthError as reason:  # no credentials, or the server that issues them is unavailable
                raise StoreUnavailable(f"Firestore: {reason}") from reason

    return wrapped


@contextmanager
def _set_budget_end(ends_at: float) -> Iterator[None]:
    token = _budget_ends_at.set(ends_at)
    try:
        yield
    finally:
        _budget_ends_at.reset(token)


def _call_with_retry(rpc: Callable[[float], R], *, conflicts: bool = False) -> R:
    """Return the result of an RPC, retrying transient errors until the budget is spent."""
    remaining = max(_budget_ends_at.get() - time.monotonic(), 0.0)
    retry = Retry(
        if_exception_type(*_TRANSIENT_ERRORS), initial=0.05, maximum=1.0, multiplier=2.0, timeout=remaining
    )
    client = get_client()
    try:
        return retry(lambda: rpc(_get_attempt_timeout()))()
    except (DeadlineExceeded, RetryError, ServiceUnavailable) as reason:
        discard_client(client)
        raise StoreUnavailable(f"Firestore: {reason}") from reason
    except InvalidArgument:  # a bug here: a retry will not help, and the circuit breaker must not open
        raise
    except GoogleAPICallError as reason:
        if conflicts and isinstance(reason, AlreadyExists | FailedPrecondition | NotFound):
            raise
        raise StoreUnavailable(f"Firestore: {reason}") from reason


def _get_attempt_timeout() -> float:
    seconds: float = min(settings.FIRESTORE_TIMEOUT, _budget_ends_at.get() - time.monotonic())
    return max(seconds, 0.01)


def _split(writes: list[Write]) -> Iterator[list[Write]]:
    part: list[Write] = []
    size = 0
    for write in writes:
        if part and (len(part) >= MAX_WRITES_PER_REQUEST or size + write.size > MAX_BYTES_PER_REQUEST):
            yield part
            part, size = [], 0
        part.append(write)
        size += write.size
    if part:
        yield part


def _write_once(writes: list[Write]) -> list[Write]:
    """Write once, and return the writes that failed with a transient error."""
    batch = BulkWriteBatch(get_client())
    for write in writes:
        write.add_to(batch)
    response = _call_with_retry(lambda timeout: batch.commit(retry=_NO_RETRY, timeout=timeout))
    failed = []
    for write, status in zip(writes, response.status, strict=True):
        if status.code in _TRANSIENT_CODES:
            failed.append(write)
        elif status.code not in {0, _NOT_FOUND}:
            raise StoreUnavailable(f"Firestore refused a write: {status.message}")
    return failed


def _bytes(value: object) -> int:
    return len(value) if isinstance(value, bytes) else len(str(value).encode())
