"""The limiter in DRF's words: a throttle for all views, and what a caller without a good token gets.

DRF asks throttles after it knows who asks. So a request without a good token never comes to one: its 401 is counted
where errors become answers, by address, and beyond the limit it is a 429.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from core import log_context, telemetry
from core.auth.drf import get_viewer
from core.errors.handler import exception_handler as handle_exception
from core.throttling import keys, limiter
from core.throttling.limiter import LimitResult

if TYPE_CHECKING:  # it names this throttle itself, and imports it when it is imported
    from rest_framework.views import APIView

DENIED_SCOPE: Final = "denied"


class ScopeThrottle(BaseThrottle):
    """Counts with the view's `throttle_scope`; without one with `read` or `write`, by the method. Cost: 1 wait."""

    _wait: float

    def allow_request(self, request: Request, view: "APIView") -> bool:
        scope = getattr(view, "throttle_scope", None) or (
            "read" if request.method in SAFE_METHODS else "write"
        )
        found = count_and_add_headers(
            scope, request, view, uid=get_viewer(request).uid if request.user else None
        )
        self._wait = found.retry_after
        return not found.retry_after

    def wait(self) -> float:
        return self._wait


def count_and_add_headers(scope: str, request: Request, view: "APIView", *, uid: str | None) -> LimitResult:
    """Count a request with a class, and leave the RateLimit fields for the answer, whatever it will be."""
    limits = settings.THROTTLES[scope]
    address = settings.TRUSTED_PROXIES.get_client_address(request.META)
    found = limiter.count_request(
        limits,
        user=keys.THROTTLE_VIEWER.name(viewer=uid, scope=scope) if uid else None,
        address=keys.THROTTLE_ADDRESS.name(address=address, scope=scope),
    )
    if found.retry_after:
        log_context.bind(throttled=scope, address=address)
    if found.rate_limit_header:
        view.headers["RateLimit-Policy"] = limits.policy
        view.headers["RateLimit"] = found.rate_limit_header
    if found.retry_after:
        telemetry.labelled(telemetry.THROTTLED, scope).inc()
    return found


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: that of `core.errors.handler`, with a limit on 401s. Cost: 1 wait for a 401."""
    answer = handle_exception(error, context)
    if answer.status_code != 401:
        return answer
    try:
        found = count_and_add_headers(DENIED_SCOPE, context["request"], context["view"], uid=None)
    except Exception as failure:
        return handle_exception(failure, context)
    return handle_exception(Throttled(wait=found.retry_after), context) if found.retry_after else answer
