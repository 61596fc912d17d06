"""Viewers who scroll to the end of a feed. `soak.checks.sessions` says what they were promised."""

from collections.abc import Sequence
from typing import Any, Final

from soak.phone import Phone

FEED_TYPES: Final = ("for_you", "for_you", "for_you", "trending", "following")
LIMITS: Final = (10, 40, 40, 100)  # The app requests 40.
PAUSE_SECONDS: Final = 0.15  # Between two pages.
REPEATED_SHARE: Final = 0.05  # Share of next pages that are requested twice.


def scroll(phone: Phone, viewers: Sequence[str]) -> None:
    """Scroll one session after another until the end of the run. Each has a random viewer and feed type."""
    while not phone.stopped.is_set():
        viewer, feed_type = phone.rng.choice(viewers), phone.rng.choice(FEED_TYPES)
        scroll_session(phone, viewer, feed_type, limit=phone.rng.choice(LIMITS))
        phone.pause(PAUSE_SECONDS)


def scroll_session(
    phone: Phone, viewer: str, feed_type: str, *, limit: int, to_the_end: bool = False
) -> None:
    """Request pages until the feed is exhausted. Unless `to_the_end`, stop at the end of the run."""
    record = phone.record
    query: dict[str, Any] = {"feed_type": feed_type, "limit": limit}
    page = phone.get("/feed", viewer, **query, refresh="true")
    session = page["meta"]["session"]
    while True:
        for error in find_page_errors(page, session):
            record.add_violation(f"{feed_type} of {viewer}, session {session}: {error}")
        cursor = page["meta"]["cursor"]
        record.count_action("pages")
        if cursor is None:
            record.count_action(f"{feed_type} scrolled to the end")
            return
        if phone.stopped.is_set() and not to_the_end:
            return
        phone.pause(PAUSE_SECONDS)
        page = phone.get("/feed", viewer, **query, cursor=cursor)
        if phone.rng.random() < REPEATED_SHARE:
            phone.get("/feed", viewer, **query, cursor=cursor)


def find_page_errors(page: dict[str, Any], session: str) -> list[str]:
    """Return what is wrong with a page by itself."""
    meta, number = page["meta"], len(page["feed"])
    errors = []
    if meta["session"] != session:
        errors.append(f"page {meta['page']} belongs to session {meta['session']}")
    if meta["itemCount"] != number or number > meta["limit"]:
        errors.append(f"page {meta['page']}: wrong itemCount or limit")
    if (meta["cursor"] is None) == meta["hasMore"]:
        errors.append(f"page {meta['page']}: wrong cursor or hasMore")
    return errors
