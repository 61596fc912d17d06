"""Signing in to the admin, limited by address and by the name that is tried.

Every try counts, before the password is looked at. The count is the limiter's, in Redis. Without Redis it is kept in
SQL, where sessions are too: slower, since one try is counted after the other, and with half the limits.
"""

import logging
import time
import unicodedata
from typing import Final

from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache

from core import log_context, telemetry
from core.circuit import CircuitOpen
from core.errors import REDIS_OUTAGE_ERRORS, format_retry_after
from core.redis.client import state_redis
from core.throttling import keys, limiter
from core.throttling.limiter import LimitResult
from core.throttling.rates import MICROSECONDS, Limits, Rate
from finishd.staff.models import LoginBucket

SCOPE: Final = "login"
MAX_SQL_BUCKETS: Final = 10_000  # buckets in SQL; beyond them nobody new is let in while Redis is away
FULL_TABLE_RETRY_SECONDS: Final = 60.0  # that they are told to wait
_LOCK_ROW: Final = ""  # the row that whoever counts in SQL locks
_FAR_FUTURE: Final = 2**62  # microseconds: that row is not swept

logger = logging.getLogger(__name__)


@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """The admin's login page; 429 with Retry-After for whoever tried too often."""
    if request.method == "POST":
        name, address = _name(request), settings.TRUSTED_PROXIES.get_client_address(request.META)
        found = count_attempt(settings.THROTTLES[SCOPE], name, address)
        if found.retry_after:
            login_name = log_context.pseudonym(name, settings.SECRET_KEY)
            log_context.bind(throttled=SCOPE, address=address, login_name=login_name)
            telemetry.labelled(telemetry.THROTTLED, SCOPE).inc()
            return _too_many_attempts(request, found)
    return admin.site.login(request)


def count_attempt(limits: Limits, name: str, address: str) -> LimitResult:
    """Count a try with the address, and with the name if the address may: else who is refused could lock others out.

    Cost: 2 waits, and 1 SQL to forget what was counted there; without Redis 6 to 9 SQL.
    """
    now = time.time_ns() // 1000
    try:
        found = limiter.count_request(
            limits, user=None, address=keys.THROTTLE_ADDRESS.name(address=address, scope=SCOPE)
        )
        if not found.retry_after:
            found = limiter.count_request(
                limits, user=keys.THROTTLE_LOGIN.name(name=_digest(name)), address=None
            )
    except (*REDIS_OUTAGE_ERRORS, CircuitOpen) as error:
        found = count_attempt_in_sql(limits, name, address, now=now)
        if not found.retry_after:  # those that are refused would fill the log
            logger.warning("Redis is away, a try to sign in is counted in SQL: %s", error)
        return found
    _sweep(now)
    return found


@transaction.atomic
def count_attempt_in_sql(limits: Limits, name: str, address: str, *, now: int) -> LimitResult:
    """Count a try in SQL, with half the limits; `now` is in microseconds. One at a time, in all processes."""
    LoginBucket.objects.select_for_update().get_or_create(pk=_LOCK_ROW, defaults={"full_at": _FAR_FUTURE})
    _sweep(now)
    for subject, rate in ((f"address:{address}", limits.address), (f"name:{name}", limits.user)):
        if rate and (wait := _add_attempt(_digest(subject), rate.halved(), now)):
            return LimitResult(wait, "")
    return LimitResult(0, "")


def _add_attempt(subject: str, rate: Rate, now: int) -> float:
    """Count one more in a bucket; the seconds to wait, 0 if there is room."""
    bucket = LoginBucket.objects.filter(pk=subject).first()
    if bucket is None and LoginBucket.objects.count() > MAX_SQL_BUCKETS:
        logger.error("signing in: Redis is away, and SQL has no room for another name or address")
        return FULL_TABLE_RETRY_SECONDS
    after, over = rate.add_request(bucket.full_at if bucket else 0, now)
    if not over:
        LoginBucket.objects.update_or_create(pk=subject, defaults={"full_at": after})
    return over / MICROSECONDS


def _sweep(now: int) -> None:
    LoginBucket.objects.filter(full_at__lte=now).delete()


def reset_attempts(name: str) -> None:
    """Forget all tries with a name, wherever they are counted. Cost: 1 wait, 1 SQL."""
    name = _folded(name)
    state_redis().delete(keys.THROTTLE_LOGIN.name(name=_digest(name)))
    LoginBucket.objects.filter(pk=_digest(f"name:{name}")).delete()


def _name(request: HttpRequest) -> str:
    return _folded(request.POST.get("username", ""))


def _folded(given: str) -> str:
    """A name as Django's form reads it and in one case: no spelling of it is another name."""
    return unicodedata.normalize("NFKC", given.strip()[:254]).casefold()


def _digest(text: str) -> str:
    """Neither Redis nor SQL is to list who signs in from where."""
    return salted_hmac("finishd.staff.logins", text, algorithm="sha256").hexdigest()[:32]


def _too_many_attempts(request: HttpRequest, found: LimitResult) -> HttpResponse:
    seconds = format_retry_after(found.retry_after)
    context = {
        **admin.site.each_context(request),
        "title": "Too many tries",
        "minutes": -(-int(seconds) // 60),
    }
    answer = render(request, "admin/too_many_logins.html", context, status=429)
    answer.headers["Retry-After"] = seconds
    return answer
