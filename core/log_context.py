"""Which request a line of the log is about: bound once, by web and workers, to all that is logged until its end."""

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
# No dot, and at most as long: no token can pass for an id.
_VALID_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def normalize_request_id(given: object) -> str:
    """The id that somebody gave, if it is well-formed, else a new one."""
    if isinstance(given, str) and _VALID_ID.fullmatch(given):
        return given
    return os.urandom(12).hex()


def get_request_id() -> str | None:
    """The id of the request that this thread works for."""
    found: str | None = contextvars.get_contextvars().get("request_id")
    return found


def bind(**named: str) -> Mapping[str, Token[Any]]:
    """Name what follows in the log. `unbind` with what this returns makes it as it was before."""
    return contextvars.bind_contextvars(**named)


def unbind(tokens: Mapping[str, Token[Any]]) -> None:
    contextvars.reset_contextvars(**tokens)


def clear() -> None:
    contextvars.clear_contextvars()


def bind_viewer(uid: str) -> None:
    contextvars.bind_contextvars(viewer=pseudonym(uid, settings.SECRET_KEY))


@lru_cache(maxsize=4096)
def pseudonym(uid: str, secret: str) -> str:
    """Twelve hex digits that stand for a person in the log: the same in every process, of no use to who reads it."""
    return blake2b(uid.encode(), key=sha256(secret.encode()).digest(), digest_size=6).hexdigest()
