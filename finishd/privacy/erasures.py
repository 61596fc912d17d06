"""Carry out erasure requests, from the request to the verification.

A person's ID tokens are valid for an hour, so a phone may still write after the data was erased. Each request is
therefore carried out and searched a second time after that hour. Then Redis rewrites its append-only file, which
contains deleted data, and the request is verified and its uid is blanked. (Delete the Firebase account first, or the
phone can get new tokens.)
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from core.auth.tokens import is_valid_uid
from core.sql.after_commit import run_after_commit
from finishd.privacy import recent, services
from finishd.privacy.models import Erasure

VERIFY_AFTER: Final = timedelta(minutes=65)
RETRY_AFTER: Final = timedelta(minutes=10)  # longer than a task may run
MAX_PER_SWEEP: Final = 50

logger = logging.getLogger(__name__)


def request_erasure(uid: str, *, now: datetime) -> Erasure:
    """Store a request to erase a person, and queue it. Return the open request if there is one.

    Raises ValueError if `uid` is not a valid uid.
    """
    if not is_valid_uid(uid):
        raise ValueError("A uid is 1 to 128 printable characters.")
    with transaction.atomic():
        request, _ = Erasure.objects.get_or_create(
            uid=uid, verified_at=None, defaults={"requested_at": now, "due_at": now + RETRY_AFTER}
        )
        run_after_commit(queue_erasure, request.pk)
    return request


def queue_erasure(pk: int) -> None:
    """Queue the task of a request. If the broker is unavailable, log a warning; the sweep queues the task later."""
    try:
        current_app.send_task("finishd.privacy.tasks.erase", args=[pk])
    except OperationalError:
        logger.warning("broker unavailable: erasure %s not queued; the sweep will retry it", pk)


def run_erasure(pk: int, *, now: datetime, until: float) -> bool:
    """Work on a request until `until` (monotonic seconds). Return False if it must be called again at once.

    Idempotent. Raises StoreUnavailable and Redis's errors.
    """
    request = Erasure.objects.filter(pk=pk, verified_at=None).first()
    if request is None:
        return True
    recent.record(request.uid, now=now)  # before anything is deleted, so that a restore can repeat it
    if not services.erase(request.uid, until=until):
        _update(request, due_at=now + RETRY_AFTER)
        return False
    remaining = services.find_references(request.uid)
    if remaining:
        logger.warning(
            "erasure %s: references remain, retry in %d s: %s", pk, RETRY_AFTER.total_seconds(), remaining
        )
        _update(request, remaining=remaining, due_at=now + RETRY_AFTER)
    elif request.erased_at is None:
        _update(request, remaining={}, erased_at=now, due_at=now + VERIFY_AFTER)
    elif now >= request.erased_at + VERIFY_AFTER:
        _verify(request, now=now)
    return True


def sweep_erasures(*, now: datetime) -> int:
    """Queue the requests that are due: unfinished ones, and those to verify. Return how many were queued."""
    due = Erasure.objects.filter(verified_at=None, due_at__lte=now).order_by("due_at")[:MAX_PER_SWEEP]
    requests = list(due)
    for request in requests:
        _update(request, due_at=now + RETRY_AFTER)
        queue_erasure(request.pk)
    return len(requests)


def _verify(request: Erasure, *, now: datetime) -> None:
    if services.rewrite_append_only_files():
        _update(request, remaining={}, uid="", verified_at=now)
    else:
        logger.info("erasure %s: a rewrite of the append-only file is running, retry later", request.pk)
        _update(request, remaining={}, due_at=now + RETRY_AFTER)


def _update(request: Erasure, **values: object) -> None:
    Erasure.objects.filter(pk=request.pk, verified_at=None).update(**values)
