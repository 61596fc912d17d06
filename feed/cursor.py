"""The cursor: opaque to the client, signed for its viewer and feed type."""

import zlib
from typing import Final, NamedTuple

from django.core.signing import BadSignature, Signer

from core.codecs import convert_items
from core.errors import ApiError
from core.units import DAY

CURSOR_TTL: Final = 1 * DAY
MAX_CURSOR_LENGTH: Final = 6_000  # many proxies accept request lines of 8 KiB
# More unrecorded items than this are compressed, to about two thirds.
MAX_UNCOMPRESSED_ITEMS: Final = 10


class Cursor(NamedTuple):
    """The position at which a session's next page begins.

    `page` is the number of the page that the cursor was issued with. `session_started` and `issued_at` are epoch
    seconds. `unrecorded_items` were served and are not recorded: items of that page that replaced unpublished ones, and
    all items since Redis rejects writes.
    """

    feed: str
    session: str
    position: int
    page: int
    session_started: int
    issued_at: int
    unrecorded_items: tuple[str, ...] = ()


def sign(cursor: Cursor, *, viewer: str) -> str:
    compress = len(cursor.unrecorded_items) > MAX_UNCOMPRESSED_ITEMS
    return _signer(viewer).sign_object(cursor, compress=compress)


def verify(text: str, *, viewer: str, feed: str, now: float) -> Cursor:
    """Return the cursor that was signed for this viewer and feed type.

    Raises ApiError 400: `invalid_cursor` if it was forged, damaged, or issued for another viewer or feed type,
    `cursor_expired` if it is older than a day.
    """
    try:
        if len(text) > MAX_CURSOR_LENGTH:
            raise BadSignature("too long")
        cursor = convert_items(Cursor, _signer(viewer).unsign_object(text))
        if cursor is None:
            raise BadSignature("unreadable")
    except (BadSignature, ValueError, TypeError, zlib.error) as reason:
        raise ApiError("invalid_cursor", "This cursor is not valid for you, or it is damaged.") from reason
    if cursor.feed != feed:
        raise ApiError("invalid_cursor", f"This cursor belongs to feed_type={cursor.feed}, not to {feed}.")
    if now > cursor.issued_at + CURSOR_TTL:
        raise ApiError("cursor_expired", "This cursor is more than a day old. Start again without one.")
    return cursor


def _signer(viewer: str) -> Signer:
    return Signer(salt=f"feed.cursor:{viewer}")
