"""Reading the body of a request, under a deadline and up to a size, before the request waits for a thread."""

import asyncio
from collections.abc import Mapping

from asgiref.typing import ASGIReceiveCallable, HTTPScope

from core.front.classes import RequestClass


class BodyRefused(Exception):
    """The body is not read further. The client gets an error with this status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class BodyReader:
    """Reads bodies. Those that are not released may hold `max_total` bytes of this process's memory together."""

    def __init__(self, max_total: int) -> None:
        self._max_total = max_total
        self._held = 0

    async def read(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, request_class: RequestClass
    ) -> bytes:
        """Return the complete body; the caller releases it. Raises BodyRefused (400, 408, 413, 503)."""
        headers = dict(scope["headers"])
        length = int(headers.get(b"content-length", b"0"))
        if length > request_class.max_body or (not request_class.max_body and _is_chunked(headers)):
            raise _too_large()
        if not length and not _is_chunked(headers):
            return b""
        try:
            async with asyncio.timeout(request_class.body_seconds):
                return await self._collect(receive, request_class.max_body)
        except TimeoutError:
            message = "The body of the request did not arrive in time."
            raise BodyRefused(408, "request_timeout", message) from None

    def release(self, body: bytes) -> None:
        """Say that the request of this body has its response."""
        self._held -= len(body)

    async def _collect(self, receive: ASGIReceiveCallable, max_body: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise BodyRefused(400, "bad_request", "The body of the request is incomplete.")
                chunk = message.get("body", b"")
                size += len(chunk)
                self._held += len(chunk)
                if size > max_body:
                    raise _too_large()
                if self._held > self._max_total:
                    raise BodyRefused(503, "overloaded", "The service is overloaded. Try again soon.")
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
        except BaseException:  # also a timeout
            self._held -= size
            raise


def _is_chunked(headers: Mapping[bytes, bytes]) -> bool:
    return b"transfer-encoding" in headers


def _too_large() -> BodyRefused:
    return BodyRefused(413, "body_too_large", "The body is too large.")
