"""Phones that report their viewers' events, and repeat each batch until it is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from finishd.testing.expected_history import Json, make_event_body
from soak.phone import Phone

BATCH_EVENTS: Final = (5, 60)  # Minimum and maximum.
REPEATED_SHARE: Final = 0.1  # Share of accepted batches that are sent again.
UNKNOWN_SHARE: Final = 0.01  # Share of events of items that are not in the catalogue.
MAX_UNKNOWN: Final = 80  # Such events of one viewer. The server keeps a hundred dead letters of a viewer.
MAX_AGE_HOURS: Final = 5
PAUSE_SECONDS: Final = 0.4


@dataclass(slots=True)
class ReportingViewer:
    """A viewer whose phone reports events of these items. `accepted` has each accepted event once."""

    uid: str
    items: Sequence[str]
    reports_unknown_items: bool
    accepted: list[Json] = field(default_factory=list)
    created: int = 0  # Events, including those that are not yet accepted.
    unknown: int = 0  # Events of items that are not in the catalogue.


def report_events(phone: Phone, viewers: Sequence[ReportingViewer], *, since: float) -> None:
    """Send batches until the end of the run. All events of a viewer have different times, before `since`."""
    while not phone.stopped.is_set():
        viewer = phone.rng.choice(viewers)
        batch = [_make_event(phone, viewer, since) for _ in range(phone.rng.randint(*BATCH_EVENTS))]
        send_batch(phone, viewer.uid, batch)
        viewer.accepted += batch
        phone.record.count_action("events", len(batch))
        if phone.rng.random() < REPEATED_SHARE:
            send_batch(phone, viewer.uid, batch)
            phone.record.count_action("events sent again", len(batch))
        phone.pause(PAUSE_SECONDS)


def send_batch(phone: Phone, uid: str, batch: Sequence[Json]) -> None:
    _, response = phone.post("/analytics/event", uid, {"events": list(batch)})
    if response["rejected"] or response["accepted"] != len(batch):
        phone.record.add_violation(f"events of {uid} were not accepted: {response}")


def _make_event(phone: Phone, viewer: ReportingViewer, since: float) -> Json:
    rng = phone.rng
    viewer.created += 1
    is_unknown = (
        viewer.reports_unknown_items and viewer.unknown < MAX_UNKNOWN and rng.random() < UNKNOWN_SHARE
    )
    viewer.unknown += is_unknown
    return make_event_body(
        rng,
        item=f"unknown-{viewer.created}" if is_unknown else _choose_item(rng.random(), viewer.items),
        at=since - rng.randrange(MAX_AGE_HOURS) * 3_600 - viewer.created / 1_000,
        event_id=f"{viewer.uid}-{viewer.created}" if viewer.created % 3 == 0 else None,
    )


def _choose_item(random: float, items: Sequence[str]) -> str:
    """Choose the first items much more often than the last ones."""
    return items[int(len(items) * random**3)]
