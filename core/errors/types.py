"""Exceptions with an HTTP status, and the JSON shape of an error response."""

import math
from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An expected error: a stable `code` for programs, a sentence for people, an HTTP status, and details."""

    def __init__(
        self, code: str, message: str, status: int = 400, *, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = int(status)
        self.details = details

    @property
    def headers(self) -> dict[str, str]:
        return {}


class Unavailable(ApiError):
    """A dependency of the response is unavailable: 503. Clients may retry after `retry_after` seconds."""

    def __init__(
        self,
        message: str = "The service is briefly unavailable. Try again soon.",
        *,
        code: str = "unavailable",
        retry_after: float = 1.0,
    ) -> None:
        super().__init__(code, message, 503)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": format_retry_after(self.retry_after)}


def format_retry_after(seconds: float) -> str:
    """Return a Retry-After value: whole seconds, rounded up, at least 1."""
    return str(max(math.ceil(seconds), 1))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message. PostgreSQL adds the statement, which may name people."""
    return next(iter(str(error).splitlines()), "")


def error_body(status: int, code: str, message: str, details: Any = None) -> dict[str, Any]:
    """Return the JSON body of an error response."""
    shape: dict[str, Any] = {"error": True, "message": message, "statusCode": status, "code": code}
    if details:
        shape["details"] = details
    return shape
