"""Liveness and readiness over HTTP."""

import logging

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import Error as SqlError
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import api_json, deadlines
from finishd.health.check import TIMEOUT_SECONDS, Details
from finishd.health.report import get_report
from finishd.operations import access

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Return 200 while the process serves requests. No calls. In production the front answers, without a thread."""
    return _json({"status": "healthy"}, 200)


@require_safe
@never_cache
@decorator_from_middleware(SessionMiddleware)  # the settings leave /health without a session
@decorator_from_middleware(AuthenticationMiddleware)
def ready(request: HttpRequest) -> HttpResponse:
    """Return 200 if every part is ready, and 503 otherwise: `{"status": "ready"|"not_ready"}`.

    Staff, and requests with METRICS_TOKEN as bearer token, also get `"parts": {name: {"status": "ok"|…, "latencyMs",
    …}}` and `"breakers": {name: "closed"|"open"|"half-open"}`. A part that is not ready has a `reason`. `deliveries`
    is informational. `late` means that a delivery or an unread event is older than 60 s, which is informational too.
    The report is at most a second old.
    """
    report = get_report()
    status = 200 if report.is_ready else 503
    body: Details = {"status": "ready" if report.is_ready else "not_ready"}
    if _may_see_details(request):
        body = {**body, "parts": report.parts, "breakers": report.breakers}
    return _json(body, status)


def _may_see_details(request: HttpRequest) -> bool:
    """Return whether the request may see why the service is not ready. Without SQL, only the token allows it."""
    try:
        with deadlines.request_deadline(TIMEOUT_SECONDS):
            return access.is_allowed(request)
    except SqlError as error:
        logger.warning("SQL unavailable: the session of a readiness request was not read: %s", error)
        return False


def _json(document: Details, status: int) -> HttpResponse:
    return HttpResponse(api_json.dumps(document), status=status, content_type=api_json.MEDIA_TYPE)
