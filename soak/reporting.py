"""Phones that tell what their viewers did, and tell it again until they hear a 200."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from finishd.testing.expected_history import Json, make_event_body
from soak.phone import Phone

BATCH: Final = (5, 60)  # events, from and to
AGAIN: Final = 0.1  # of all batches are sent once more although they were taken
UNKNOWN: Final = 0.01  # of all events are of items that nobody has
UNKNOWN_MOST: Final = 80  # of one viewer: dead letters have room for a hundred
HOURS: Final = 5  # that an event may be old
THINK: Final = 0.4


@dataclass(slots=True)
class Viewer:
    """Somebody whose phone tells of these items. `told` is what was acknowledged, each event once."""

    uid: str
    items: Sequence[str]
    unknown: bool
    told: list[Json] = field(default_factory=list)
    begun: int = 0  # events that were ever made up
    strangers: int = 0  # of them, of items that nobody has


def tell(phone: Phone, viewers: Sequence[Viewer], *, since: float) -> None:
    """Batch after batch until the run is over. No two events of a viewer are of the same millisecond."""
    while not phone.over.is_set():
        viewer = phone.rng.choice(viewers)
        batch = [_event(phone, viewer, since) for _ in range(phone.rng.randint(*BATCH))]
        send(phone, viewer.uid, batch)
        viewer.told += batch
        phone.record.did("events", len(batch))
        if phone.rng.random() < AGAIN:
            send(phone, viewer.uid, batch)
            phone.record.did("events sent again", len(batch))
        phone.pause(THINK)


def send(phone: Phone, uid: str, batch: Sequence[Json]) -> None:
    _, answer = phone.post("/analytics/event", uid, {"events": list(batch)})
    if answer["rejected"] or answer["accepted"] != len(batch):
        phone.record.violation(f"events of {uid} were not taken: {answer}")


def stories(viewers: Sequence[Viewer]) -> Mapping[str, list[Json]]:
    return {viewer.uid: viewer.told for viewer in viewers}


def _event(phone: Phone, viewer: Viewer, since: float) -> Json:
    rng = phone.rng
    viewer.begun += 1
    stranger = viewer.unknown and viewer.strangers < UNKNOWN_MOST and rng.random() < UNKNOWN
    viewer.strangers += stranger
    item = (
        f"nobody-has-{viewer.begun}" if stranger else viewer.items[_popular(rng.random(), len(viewer.items))]
    )
    return make_event_body(
        rng,
        item=item,
        at=since - rng.randrange(HOURS) * 3_600 - viewer.begun / 1_000,
        event_id=f"{viewer.uid}-{viewer.begun}" if viewer.begun % 3 == 0 else None,
    )


def _popular(chance: float, number: int) -> int:
    """A place among so many, the first ones far more often."""
    return int(number * chance**3)
