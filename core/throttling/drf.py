"""DRF's part of throttling: a throttle for all views, and a limit on responses 401.

DRF runs throttles after authentication, so a request without a valid token never reaches them. Its 401 is counted in
the exception handler, by address, and becomes a 429 beyond the limit.
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
from core.outages import WRITE_REJECTIONS
from core.redis import rejections
from core.throttling import keys, limiter
from core.throttling.limiter import LimitResult

if TYPE_CHECKING:  # rest_framework.views imports this module, because the settings name the throttle
    from rest_framework.views import APIView

DENIED_SCOPE: Final = "denied"


class ScopeThrottle(BaseThrottle):
    """Counts in the view's `throttle_scope`, by default `read` or `write`. Cost: 1 round trip."""

    _wait: float

    def allow_request(self, request: Request, view: "APIView") -> bool:
        only_reads = request.method in SAFE_METHODS
        default = "read" if only_reads else "write"
        scope = getattr(view, "throttle_scope", None) or default
        uid = get_viewer(request).uid if request.user else None
        result = count_and_add_headers(scope, request, view, uid=uid, may_skip=only_reads)
        self._wait = result.retry_after
        return not result.retry_after

    def wait(self) -> float:
        return self._wait


def count_and_add_headers(
    scope: str, request: Request, view: "APIView", *, uid: str | None, may_skip: bool
) -> LimitResult:
    """Count a request in a scope, and add the RateLimit headers to the view's response. Cost: 1 round trip.

    With `may_skip`, a request passes uncounted while Redis rejects writes, unless a bucket that Redis has rejects it.
    """
    limits = settings.THROTTLES[scope]
    address = settings.TRUSTED_PROXIES.get_client_address(request.META)
    try:
        result = limiter.count_request(
            limits,
            user=keys.THROTTLE_VIEWER.name(viewer=uid, scope=scope) if uid else None,
            address=keys.THROTTLE_ADDRESS.name(address=address, scope=scope),
        )
    except WRITE_REJECTIONS as rejection:
        if not may_skip:
            raise
        rejections.skip("limits", rejection)
        return LimitResult(0, "")
    if result.rate_limit_header:
        view.headers["RateLimit-Policy"] = limits.policy
        view.headers["RateLimit"] = result.rate_limit_header
    if result.retry_after:
        log_context.bind(throttled=scope, address=address)
        telemetry.labelled(telemetry.THROTTLED, scope).inc()
    return result


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Handle an exception as `core.errors.handler` does, and limit 401s. Cost: 1 round trip for a 401.

    A DRF EXCEPTION_HANDLER.
    """
    response = handle_exception(error, context)
    if response.status_code != 401:
        return response
    try:
        result = count_and_add_headers(
            DENIED_SCOPE, context["request"], context["view"], uid=None, may_skip=True
        )
    except Exception as failure:
        return handle_exception(failure, context)
    return handle_exception(Throttled(wait=result.retry_after), context) if result.retry_after else response
