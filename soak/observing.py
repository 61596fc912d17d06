"""What a phone sent and received, as operations of the history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import intern
from typing import Any

import httpx

from soak.history import Event, Kind, Operation, Page, Shown

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request. `values` is its body, or the query of a GET."""

    method: str
    path: str
    uid: str
    values: Json

    @property
    def endpoint(self) -> str:
        return f"{self.method} {self.path}"


def make_operation(
    sent: Sent, response: httpx.Response | None, *, start: float, end: float, problem: str
) -> Operation:
    """Return the operation of one request and its response, None for no response."""
    kind, subject = _get_kind(sent)
    status = response.status_code if response else 0
    return Operation(
        actor=sent.uid,
        kind=kind,
        subject=subject,
        start=start,
        end=end,
        status=status,
        endpoint=sent.endpoint,
        problem=problem,
        present=kind != "relate" or is_present(sent.values),
        page=make_page(sent.values, response.json())
        if kind == "page" and response and status == 200
        else None,
        events=tuple(map(make_event, sent.values["events"])) if kind == "report" else (),
    )


def is_present(relation: Json) -> bool:
    """Return whether a body states a relation, and does not take it back."""
    return bool(relation.get("status") or relation.get("is_favorite") or relation.get("rating"))


def make_page(query: Json, body: Json) -> Page:
    """Return a page of a feed from the query and the body of its response."""
    meta = body["meta"]
    return Page(
        session=meta["session"],
        cursor=_shorten(query.get("cursor")),
        next_cursor=_shorten(meta["cursor"]),
        shown=tuple(_make_shown(item) for item in body["feed"]),
        is_rebuilt=meta["planRebuilt"],
        lost_served=meta["planRebuilt"] and "served_history" in meta["degraded"],
    )


def make_event(body: Json) -> Event:
    """Return an event from the body that a phone sends."""
    at = datetime.fromisoformat(body["timestamp"]).replace(tzinfo=UTC)
    hour = int(at.replace(minute=0, second=0, microsecond=0).timestamp())
    return Event(
        identity=body.get("eventId") or f"{body['itemId']}/{body['timestamp']}",
        item=body["itemId"],
        hour=hour,
        kind=body["eventType"],
        seconds=body.get("durationWatched", 0),
    )


def _get_kind(sent: Sent) -> tuple[Kind, str]:
    values = sent.values
    match sent.path:
        case "/feed":
            return "page", values.get("feed_type", "for_you")
        case "/user-titles/sync":
            return "relate", f"{values['media_type']}:{values['title_id']}"
        case "/social/follow" | "/social/block":
            return values["action"], values["target_uid"]
        case "/analytics/event":
            return "report", ""
        case path:
            raise ValueError(f"a soak does not know what {path} does")


def _make_shown(item: Json) -> Shown:
    """Return an item of a page. Equal strings are shared, because a long run has millions of them."""
    if item.get("type") != "social_activity":
        return Shown(intern(item["id"]))
    title = f"{item['mediaType']}:{item['tmdbId']}" if item.get("tmdbId") else f"item:{item['id']}"
    authors = tuple(intern(friend["uid"]) for friend in item["friends"])
    return Shown(intern(item["id"]), intern(title), authors)


def _shorten(cursor: str | None) -> str:
    """Return the part of a cursor that differs between cursors: its signature, or '' without a cursor."""
    return cursor[-16:] if cursor else ""
