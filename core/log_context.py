"""Fields that all log lines of a request or task carry, above all the request id."""

import os
import re
from collections.abc import Mapping
from contextvars import Token
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any, Final

from django.conf import settings
from structlog import contextvars

REQUEST_ID_HEADER: Final = "X-Request-ID"
# Without dots and at most 64 characters long, so that no token is accepted as an id.
_VALID_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def normalize_request_id(value: object) -> str:
    """Return `value` if it is a valid request id, else a new one."""
    if isinstance(value, str) and _VALID_ID.fullmatch(value):
        return value
    return os.urandom(12).hex()


def get_request_id() -> str | None:
    """Return the id of the request that this thread works for."""
    request_id: str | None = contextvars.get_contextvars().get("request_id")
    return request_id


def bind(**fields: str) -> Mapping[str, Token[Any]]:
    """Add fields to all further log lines. Returns tokens for `unbind`."""
    return contextvars.bind_contextvars(**fields)


def unbind(tokens: Mapping[str, Token[Any]]) -> None:
    """Restore the fields to their values before `bind`."""
    contextvars.reset_contextvars(**tokens)


def clear() -> None:
    """Remove all fields."""
    contextvars.clear_contextvars()


def bind_viewer(uid: str) -> None:
    """Add the viewer's pseudonym to all further log lines."""
    contextvars.bind_contextvars(viewer=pseudonym(uid, settings.SECRET_KEY))


@lru_cache(maxsize=4096)
def pseudonym(uid: str, secret: str) -> str:
    """Return twelve hex digits that stand for a person in the log: the same in every process, and not reversible."""
    return blake2b(uid.encode(), key=sha256(secret.encode()).digest(), digest_size=6).hexdigest()
