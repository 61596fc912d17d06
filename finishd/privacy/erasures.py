"""Erasures from the request to the end, kept in SQL: a worker, broker or message may get lost, a request not.

A person's ID tokens are good for an hour: a phone that still holds one writes on. So everything is looked at, and
erased, once more after that; only then is the request done and its uid blanked. (Whoever deletes the account at
Firebase first keeps new tokens from being made.)
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from core.auth.tokens import is_valid_uid
from core.sql.after_commit import run_after_commit
from finishd.privacy import services
from finishd.privacy.models import Erasure

SECOND_LOOK_AFTER: Final = timedelta(minutes=65)
AGAIN_AFTER: Final = timedelta(minutes=10)  # a message under way is given this long
RESUMED: Final = 50  # requests that beat takes up at a time

logger = logging.getLogger(__name__)


def ask(uid: str, *, now: datetime) -> Erasure:
    """Note that a person is to be erased, and queue it. Asking again changes nothing. Raises ValueError for no uid."""
    if not is_valid_uid(uid):
        raise ValueError("A uid is 1 to 128 printable characters.")
    with transaction.atomic():
        request, _ = Erasure.objects.get_or_create(
            uid=uid, done_at=None, defaults={"asked_at": now, "due_at": now + AGAIN_AFTER}
        )
        run_after_commit(queue, request.pk)
    return request


def queue(pk: int) -> None:
    """Queue a request; without a broker it waits for beat."""
    try:
        current_app.send_task("finishd.privacy.tasks.erase", args=[pk])
    except OperationalError:
        logger.warning("no broker: erasure %s waits for it", pk)


def carry_out(pk: int, *, now: datetime, until: float) -> bool:
    """Work on a request until `until` (monotonic seconds); False if there is more to do at once.

    Raises StoreUnavailable and Redis's errors; doing it again is safe.
    """
    request = Erasure.objects.filter(pk=pk, done_at=None).first()
    if request is None:
        return True
    if not services.erase(request.uid, until=until):
        _keep(request, due_at=now + AGAIN_AFTER)
        return False
    left = services.find_references(request.uid)
    if left:
        logger.warning("erasure %s: something is left: %s", pk, left)
        _keep(request, left=left, due_at=now + AGAIN_AFTER)
    elif request.erased_at is None:
        _keep(request, left={}, erased_at=now, due_at=now + SECOND_LOOK_AFTER)
    elif now >= request.erased_at + SECOND_LOOK_AFTER:
        _keep(request, left={}, uid="", done_at=now)
    return True


def resume(*, now: datetime) -> int:
    """Queue again what is due and not done, and what waits for its second look."""
    due = Erasure.objects.filter(done_at=None, due_at__lte=now).order_by("due_at")[:RESUMED]
    requests = list(due)
    for request in requests:
        _keep(request, due_at=now + AGAIN_AFTER)
        queue(request.pk)
    return len(requests)


def _keep(request: Erasure, **values: object) -> None:
    Erasure.objects.filter(pk=request.pk, done_at=None).update(**values)
