"""Throttle logins to the admin, by address and by login name.

Every attempt counts, before the password is checked. The throttle in Redis counts attempts. If Redis is unavailable,
SQL counts them, where sessions are too. That is slower, because attempts wait for each other, and the limits are half.
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
from core.errors import format_retry_after
from core.outages import REDIS_UNAVAILABLE
from core.redis.client import state_redis
from core.throttling import keys, limiter
from core.throttling.limiter import LimitResult
from core.throttling.rates import MICROSECONDS, Limits, Rate
from finishd.staff.models import LoginBucket

SCOPE: Final = "login"
MAX_SQL_BUCKETS: Final = 10_000  # with more, attempts with new names and addresses are rejected
FULL_TABLE_RETRY_SECONDS: Final = 60.0
_LOCK_ROW: Final = ""  # the row that every attempt in SQL locks
_FAR_FUTURE: Final = 2**62  # in microseconds: the lock row is never deleted

logger = logging.getLogger(__name__)


@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """The admin's login page. Too many attempts get 429 with `Retry-After`."""
    if request.method == "POST":
        name, address = _get_name(request), settings.TRUSTED_PROXIES.get_client_address(request.META)
        result = count_attempt(settings.THROTTLES[SCOPE], name, address)
        if result.retry_after:
            login_name = log_context.pseudonym(name, settings.SECRET_KEY)
            log_context.bind(throttled=SCOPE, address=address, login_name=login_name)
            telemetry.labelled(telemetry.THROTTLED, SCOPE).inc()
            return _too_many_attempts(request, result)
    return admin.site.login(request)


def count_attempt(limits: Limits, name: str, address: str) -> LimitResult:
    """Count an attempt by its address and, if the address is within its limit, by its name.

    A rejected address does not count by name, so it cannot lock out other users.
    Cost: 2 round trips, and 1 SQL to delete old buckets; without Redis 6 to 9 SQL.
    """
    now = time.time_ns() // 1000
    try:
        result = limiter.count_request(
            limits, user=None, address=keys.THROTTLE_ADDRESS.name(address=address, scope=SCOPE)
        )
        if not result.retry_after:
            result = limiter.count_request(
                limits, user=keys.THROTTLE_LOGIN.name(name=_digest(name)), address=None
            )
    except REDIS_UNAVAILABLE as error:
        result = count_attempt_in_sql(limits, name, address, now=now)
        if not result.retry_after:  # rejected attempts would fill the log
            logger.warning("state Redis unavailable: login attempt counted in SQL: %s", error)
        return result
    _sweep(now)
    return result


@transaction.atomic
def count_attempt_in_sql(limits: Limits, name: str, address: str, *, now: int) -> LimitResult:
    """Count an attempt in SQL, with half the limits. `now` is in microseconds. Attempts wait for each other."""
    LoginBucket.objects.select_for_update().get_or_create(pk=_LOCK_ROW, defaults={"full_at": _FAR_FUTURE})
    _sweep(now)
    for subject, rate in ((f"address:{address}", limits.address), (f"name:{name}", limits.user)):
        if rate and (wait := _add_attempt(_digest(subject), rate.halved(), now)):
            return LimitResult(wait, "")
    return LimitResult(0, "")


def _add_attempt(subject: str, rate: Rate, now: int) -> float:
    """Count an attempt in a bucket. Return the seconds to wait, 0 if the attempt is within the limit."""
    bucket = LoginBucket.objects.filter(pk=subject).first()
    if bucket is None and LoginBucket.objects.count() > MAX_SQL_BUCKETS:
        logger.error("state Redis unavailable: login rejected, the table of login buckets is full")
        return FULL_TABLE_RETRY_SECONDS
    before = bucket.full_at if bucket else 0
    after, over = rate.add_request(before, now)
    if after != before:
        LoginBucket.objects.update_or_create(pk=subject, defaults={"full_at": after})
    return over / MICROSECONDS


def _sweep(now: int) -> None:
    LoginBucket.objects.filter(full_at__lte=now).delete()


def reset_attempts(name: str) -> None:
    """Reset the attempts with a name, in Redis and in SQL. Cost: 1 round trip, 1 SQL."""
    name = _normalize_name(name)
    state_redis().delete(keys.THROTTLE_LOGIN.name(name=_digest(name)))
    LoginBucket.objects.filter(pk=_digest(f"name:{name}")).delete()


def _get_name(request: HttpRequest) -> str:
    return _normalize_name(request.POST.get("username", ""))


def _normalize_name(given: str) -> str:
    """Normalize a name as Django's form does, and fold its case, so that all spellings share a bucket."""
    return unicodedata.normalize("NFKC", given.strip()[:254]).casefold()


def _digest(text: str) -> str:
    """Return a digest, so that neither Redis nor SQL lists who logs in from where."""
    return salted_hmac("finishd.staff.logins", text, algorithm="sha256").hexdigest()[:32]


def _too_many_attempts(request: HttpRequest, result: LimitResult) -> HttpResponse:
    seconds = format_retry_after(result.retry_after)
    context = {
        **admin.site.each_context(request),
        "title": "Too many attempts",
        "minutes": -(-int(seconds) // 60),
    }
    response = render(request, "admin/too_many_logins.html", context, status=429)
    response.headers["Retry-After"] = seconds
    return response
