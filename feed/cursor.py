"""The cursor: opaque to the client, sealed to its viewer, feed type, session and position."""

from dataclasses import dataclass
from typing import Final

from django.core.signing import BadSignature, Signer

from core.errors import ApiError

GOOD_FOR: Final = 24 * 3600  # seconds
MAX_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a session's next page begins.

    `started` and `issued` are epoch seconds. `unmarked` are items of the last page that
    stood in for vanished ones, beyond what its read had marked as served.
    """

    feed: str
    session: str
    position: int
    page: int
    started: int
    issued: int
    unmarked: tuple[str, ...] = ()


def seal(cursor: Cursor, *, viewer: str) -> str:
    body = [
        cursor.feed,
        cursor.session,
        cursor.position,
        cursor.page,
        cursor.started,
        cursor.issued,
        list(cursor.unmarked),
    ]
    return _signer(viewer).sign_object(body)


def unseal(text: str, *, viewer: str, feed: str, now: float) -> Cursor:
    """The cursor that was sealed for this viewer and feed type.

    Raises ApiError 400: `invalid_cursor` for one that is forged, foreign, mangled or of another
    feed type, `cursor_expired` for one older than a day.
    """
    try:
        if len(text) > MAX_LENGTH:
            raise BadSignature("too long")
        kind, session, position, page, started, issued, unmarked = _signer(viewer).unsign_object(text)
    except (BadSignature, ValueError, TypeError) as reason:
        raise _invalid() from reason
    if kind != feed:
        raise ApiError("invalid_cursor", f"This cursor goes on with feed_type={kind}, not with {feed}.")
    if now > issued + GOOD_FOR:
        raise ApiError("cursor_expired", "This cursor is more than a day old. Start again without one.")
    return Cursor(kind, session, position, page, started, issued, tuple(unmarked))


def _signer(viewer: str) -> Signer:
    return Signer(salt=f"feed.cursor:{viewer}")


def _invalid() -> ApiError:
    return ApiError("invalid_cursor", "This cursor is not one of yours, or it is damaged.")
