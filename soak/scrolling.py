"""Viewers who scroll to the end of a feed. Each page is checked for items that were served before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from soak.phone import Phone

FEED_TYPES: Final = ("for_you", "for_you", "for_you", "trending", "following")
LIMITS: Final = (10, 40, 40, 100)  # The app requests 40.
PAUSE_SECONDS: Final = 0.15  # Between two pages.


@dataclass(slots=True)
class ScrolledSession:
    """The pages that a viewer received in one session."""

    feed_type: str
    name: str = ""
    served: dict[str, int] = field(default_factory=dict)  # Number of the page by item.
    lost_history: bool = False  # A page reported that the plan was rebuilt without the served history.
    pages: int = 0

    def add_page(self, page: dict[str, Any]) -> list[str]:
        """Add the next page and return its errors."""
        meta, ids = page["meta"], [item["id"] for item in page["feed"]]
        self.pages += 1
        self.name = self.name or meta["session"]
        self.lost_history |= meta["planRebuilt"] and "served_history" in meta["degraded"]
        errors = [f"page {self.pages}: {error}" for error in _find_meta_errors(meta, ids)]
        if meta["session"] != self.name:
            errors.append(f"page {self.pages} belongs to session {meta['session']}")
        for index, item in enumerate(ids):
            if item in self.served or item in ids[:index]:
                before = self.served.get(item, self.pages)
                if not self.lost_history:
                    errors.append(f"{item} of page {before} was served again on page {self.pages} ({meta})")
            self.served[item] = self.pages
        return errors


def scroll(phone: Phone, viewers: Sequence[str]) -> None:
    """Scroll one session after another until the end of the run. Each has a random viewer and feed type."""
    while not phone.stopped.is_set():
        viewer, feed_type = phone.rng.choice(viewers), phone.rng.choice(FEED_TYPES)
        scroll_session(phone, viewer, feed_type, limit=phone.rng.choice(LIMITS))
        phone.pause(PAUSE_SECONDS)


def scroll_session(
    phone: Phone, viewer: str, feed_type: str, *, limit: int, to_the_end: bool = False
) -> ScrolledSession:
    """Request pages until the feed is exhausted. Unless `to_the_end`, stop at the end of the run."""
    session, record = ScrolledSession(feed_type), phone.record
    query: dict[str, Any] = {"feed_type": feed_type, "limit": limit}
    page = phone.get("/feed", viewer, **query, refresh="true")
    while True:
        for error in session.add_page(page):
            record.add_violation(f"{feed_type} of {viewer}, session {session.name}: {error}")
        cursor = page["meta"]["cursor"]
        record.count_action("pages")
        if cursor is None:
            record.count_action(f"{feed_type} scrolled to the end")
            break
        if phone.stopped.is_set() and not to_the_end:
            break
        phone.pause(PAUSE_SECONDS)
        page = phone.get("/feed", viewer, **query, cursor=cursor)
    return session


def _find_meta_errors(meta: dict[str, Any], ids: Sequence[str]) -> list[str]:
    errors = []
    if meta["itemCount"] != len(ids) or len(ids) > meta["limit"]:
        errors.append("wrong itemCount or limit")
    if (meta["cursor"] is None) == meta["hasMore"]:
        errors.append("wrong cursor or hasMore")
    return errors
