"""The outermost middleware: a request id, one log line, a counter and a duration for every response."""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core import log_context, telemetry
from core.redis import rejections
from core.routes import get_route

access_logger = logging.getLogger("core.access")


class ObservabilityMiddleware:
    """Give each response its request's id, count and time it, and log it once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        request_id = log_context.normalize_request_id(request.META.get("HTTP_X_REQUEST_ID"))
        log_context.clear()
        rejections.forget()
        log_context.bind(request_id=request_id)
        response = self._get_response(request)
        response.headers[log_context.REQUEST_ID_HEADER] = request_id
        _record(request, response, seconds=time.perf_counter() - began)
        return response


def _record(request: HttpRequest, response: HttpResponse, *, seconds: float) -> None:
    route, status = get_route(request), response.status_code
    method = telemetry.get_method_label(request.method)
    telemetry.labelled(telemetry.REQUESTS, route, method, str(status)).inc()
    telemetry.labelled(telemetry.REQUEST_TIME, route, method).observe(seconds)
    if access_logger.isEnabledFor(logging.INFO):
        took = round(seconds * 1000, 1)
        # The formatter writes these fields without redaction, because none of them comes from the client.
        fields = {"method": method, "route": route, "status": status, "duration_ms": took}
        access_logger.info("%s %s %d %s ms", method, route, status, took, extra={"fields": fields})
