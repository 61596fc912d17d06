"""Responses as the front sends them: Django's, and its own short ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from asgiref.typing import ASGISendCallable, HTTPScope
from django.conf import settings

from core import api_json, log_context, telemetry
from core.errors import error_body

Headers = Sequence[tuple[bytes, bytes]]

_JSON: Final = (b"content-type", api_json.MEDIA_TYPE.encode())
_PLAIN: Final = (b"content-type", b"text/plain; charset=utf-8")
_UNCACHED: Final = (b"cache-control", b"max-age=0, no-cache, no-store, must-revalidate, private")
_REQUEST_ID: Final = log_context.REQUEST_ID_HEADER.lower().encode()
# The route of the front's own errors in metrics, because Django has not resolved their paths.
ROUTE: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response. With `file`, the web server sends this file instead of `body`."""

    status: int
    headers: Headers
    body: bytes = b""
    file: str = ""


async def send_answer(answer: Answer, send: ASGISendCallable) -> None:
    await send(
        {"type": "http.response.start", "status": answer.status, "headers": answer.headers, "trailers": False}
    )
    if answer.file:
        await send({"type": "http.response.pathsend", "path": answer.file})  # type: ignore[arg-type]
    else:
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def make_error(scope: HTTPScope, status: int, code: str, message: str, *, headers: Headers = ()) -> Answer:
    """Return an error in the API's shape, or as plain text outside of the API. Count it."""
    count_response(scope["method"], status, route=ROUTE)
    return make_uncounted_error(scope, status, code, message, headers=headers)


def make_uncounted_error(
    scope: HTTPScope, status: int, code: str, message: str, *, headers: Headers = ()
) -> Answer:
    is_api = scope["path"].startswith(settings.API_PATH_PREFIXES)
    body = api_json.dumps(error_body(status, code, message)) if is_api else f"{message}\n".encode()
    return _make_answer(scope, status, body, (_JSON if is_api else _PLAIN, *headers))


def make_live_answer(scope: HTTPScope) -> Answer:
    """Return the answer of liveness: 200 while the event loop runs."""
    count_response(scope["method"], 200, route="/health")
    return _make_answer(scope, 200, api_json.dumps({"status": "healthy"}), (_JSON,))


def count_response(method: str, status: int, *, route: str, number: int = 1) -> None:
    """Count responses of the front like those of Django."""
    label = telemetry.get_method_label(method)
    telemetry.labelled(telemetry.REQUESTS, route, label, str(status)).inc(number)


def _make_answer(scope: HTTPScope, status: int, body: bytes, headers: Headers) -> Answer:
    """Return a response with the request's id."""
    sent = next((value for name, value in scope["headers"] if name == _REQUEST_ID), b"")
    request_id = log_context.normalize_request_id(sent.decode("latin-1")).encode()
    return Answer(status, (*headers, (_REQUEST_ID, request_id), _UNCACHED), body)
