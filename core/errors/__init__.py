"""Errors of the API: exceptions that services raise, and the responses that clients get.

`types` holds the exceptions and the error shape `{"error": true, "message", "statusCode", "code", "details"?}`.
`handler` turns exceptions of API views into responses; `core.middleware.errors` does the same outside of views.
"""

from core.errors.types import (
    REDIS_OUTAGE_ERRORS,
    ApiError,
    Unavailable,
    error_body,
    first_line,
    format_retry_after,
)

__all__ = [
    "REDIS_OUTAGE_ERRORS",
    "ApiError",
    "Unavailable",
    "error_body",
    "first_line",
    "format_retry_after",
]
