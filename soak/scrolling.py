"""Viewers who scroll to the end, and watch for anything that comes twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from soak.phone import Phone

FEEDS: Final = ("for_you", "for_you", "for_you", "trending", "following")
LIMITS: Final = (10, 40, 40, 100)  # the app asks for 40
THINK: Final = 0.15  # seconds between two pages


@dataclass(slots=True)
class Session:
    """What a viewer was served since they last began at the top."""

    feed: str
    name: str = ""
    served: dict[str, int] = field(default_factory=dict)  # item → page that it came with
    admitted: bool = False  # a page said that what was served before is not known any more
    pages: int = 0

    def take(self, page: dict[str, Any]) -> list[str]:
        """What is wrong with the next page."""
        meta, ids = page["meta"], [item["id"] for item in page["feed"]]
        self.pages += 1
        self.name = self.name or meta["session"]
        self.admitted |= meta["planRebuilt"] and "served_history" in meta["degraded"]
        wrong = [f"{what} of page {self.pages}" for what in _misshapen(meta, ids)]
        if meta["session"] != self.name:
            wrong.append(f"page {self.pages} is of session {meta['session']}")
        for place, item in enumerate(ids):
            if item in self.served or item in ids[:place]:
                before = self.served.get(item, self.pages)
                if not self.admitted:
                    wrong.append(f"{item} of page {before} came again on page {self.pages} ({meta})")
            self.served[item] = self.pages
        return wrong


def _misshapen(meta: dict[str, Any], ids: Sequence[str]) -> list[str]:
    wrong = []
    if meta["itemCount"] != len(ids) or len(ids) > meta["limit"]:
        wrong.append("itemCount or limit")
    if (meta["cursor"] is None) == meta["hasMore"]:
        wrong.append("cursor or hasMore")
    return wrong


def scroll(phone: Phone, viewers: Sequence[str]) -> None:
    """Session after session, by one viewer or another, until the run is over."""
    while not phone.over.is_set():
        viewer, feed = phone.rng.choice(viewers), phone.rng.choice(FEEDS)
        one_session(phone, viewer, feed, limit=phone.rng.choice(LIMITS))
        phone.pause(THINK)


def one_session(phone: Phone, viewer: str, feed: str, *, limit: int, whole: bool = False) -> Session:
    """From the top to the end, or until the run is over unless it is to be the `whole`."""
    session, record = Session(feed), phone.record
    query: dict[str, Any] = {"feed_type": feed, "limit": limit}
    page = phone.get("/feed", viewer, **query, refresh="true")
    while True:
        for complaint in session.take(page):
            record.violation(f"{feed} of {viewer}, session {session.name}: {complaint}")
        cursor = page["meta"]["cursor"]
        record.did("pages")
        if cursor is None:
            record.did(f"{feed} scrolled to the end")
            break
        if phone.over.is_set() and not whole:
            break
        phone.pause(THINK)
        page = phone.get("/feed", viewer, **query, cursor=cursor)
    return session
