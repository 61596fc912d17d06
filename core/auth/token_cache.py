"""A cache of valid tokens: a phone sends the same token with every request for an hour."""

from typing import Final, NamedTuple

from core.auth import tokens
from core.auth.tokens import LEEWAY, KeyFinder, Viewer

TOKEN_CACHE_TTL: Final = 60.0  # seconds; a token stays valid this much longer than the key that signed it
MAX_TOKENS: Final = 4_096  # of about 1 KB each

_cache: dict[str, "_CachedToken"] = {}


class _CachedToken(NamedTuple):
    viewer: Viewer
    project: str
    find_key: KeyFinder
    verified_at: float


def verify(token: str, *, project: str, find_key: KeyFinder, now: float) -> Viewer:
    """Verify a token as `tokens.verify` does, at most once a minute per token. Only valid tokens are cached.

    Threads share the cache without a lock, because each operation on it is atomic in Python. Raises InvalidToken.
    """
    cached = _cache.get(token)
    if cached is not None and _is_valid(cached, project, find_key, now):
        return cached.viewer
    viewer = tokens.verify(token, project=project, find_key=find_key, now=now)
    if len(_cache) >= MAX_TOKENS:
        _cache.clear()  # simpler than removing the oldest; the callers of the next minute are verified once more
    _cache[token] = _CachedToken(viewer, project, find_key, now)
    return viewer


def _is_valid(cached: _CachedToken, project: str, find_key: KeyFinder, now: float) -> bool:
    same = (cached.project, cached.find_key) == (project, find_key)
    is_recent = 0 <= now - cached.verified_at < TOKEN_CACHE_TTL
    return same and is_recent and now < cached.viewer.expires_at + LEEWAY
