"""Errors of the API: exceptions that services raise, and the responses that clients get.

`types` holds the exceptions and the error shape `{"error": true, "message", "statusCode", "code", "details"?}`.
`handler` turns exceptions of API views into responses, `pages` other exceptions. `core.middleware.errors` gives
errors on API paths their shape. `core.outages` says which exceptions are outages.
"""

from core.errors.types import (
    ApiError,
    Unavailable,
    error_body,
    first_line,
    format_retry_after,
)

__all__ = [
    "ApiError",
    "Unavailable",
    "error_body",
    "first_line",
    "format_retry_after",
]
