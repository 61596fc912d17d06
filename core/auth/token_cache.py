"""Tokens that were verified a moment ago: a phone sends the same one for an hour, with every page."""

from typing import Final, NamedTuple

from core.auth import tokens
from core.auth.tokens import LEEWAY, KeyFinder, Viewer

SECONDS: Final = 60.0  # for which a token outlives the key that signed it
MOST: Final = 4_096  # tokens, of about 1 KB each

_known: dict[str, "_Known"] = {}


class _Known(NamedTuple):
    viewer: Viewer
    project: str
    find_key: KeyFinder
    at: float


def verify(token: str, *, project: str, find_key: KeyFinder, now: float) -> Viewer:
    """As `tokens.verify`, which is asked once a minute for a token. Only what was good is remembered.

    Threads share the memory without a lock: each step on it is one of the interpreter's own.
    """
    known = _known.get(token)
    if known is not None and _holds(known, project, find_key, now):
        return known.viewer
    viewer = tokens.verify(token, project=project, find_key=find_key, now=now)
    if len(_known) >= MOST:
        _known.clear()  # a full memory is one wave of verifications away from being full of those who are here
    _known[token] = _Known(viewer, project, find_key, now)
    return viewer


def _holds(known: _Known, project: str, find_key: KeyFinder, now: float) -> bool:
    same = (known.project, known.find_key) == (project, find_key)
    return same and 0 <= now - known.at < SECONDS and now < known.viewer.expires_at + LEEWAY
