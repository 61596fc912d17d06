"""Compute the expected counts and histories of events with an independent model, in plain Python."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

KINDS: Final = ("view", "view", "view", "view", "complete", "like", "skip", "save", "share")
EVENT_AFFINITY_WEIGHTS: Final = {
    "view": 0.1,
    "complete": 0.5,
    "save": 0.5,
    "share": 0.7,
    "like": 1.0,
    "skip": -0.3,
}
# Share of an event's weight that the first and the second genre of its item get.
GENRE_POSITION_WEIGHTS: Final = (1.0, 0.5)
# Affinities have four digits, and the last one may be rounded differently.
AFFINITY_TOLERANCE: Final = 1.01e-4

Json = dict[str, Any]
EventsByViewer = Mapping[str, Sequence[Json]]
GetGenres = Callable[[str], Sequence[str]]  # item → its genres, the primary one first; () for an unknown item


def make_event_body(rng: random.Random, *, item: str, at: float, event_id: str | None) -> Json:
    """Return a random event on an item as a phone sends it. `at` is epoch seconds, sent to the millisecond."""
    kind = rng.choice(KINDS)
    moment = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    body: Json = {
        "eventType": kind,
        "itemId": item,
        "timestamp": moment.isoformat(timespec="milliseconds"),
    }
    if kind in {"view", "complete"}:
        body["durationWatched"] = rng.randrange(0, 30)
    if event_id is not None:
        body["eventId"] = event_id
    return body


def expected_counts(events_by_viewer: EventsByViewer) -> dict[tuple[str, int, str], tuple[int, int]]:
    """Return the expected hourly counts: (item, hour, kind) → (events, seconds watched)."""
    events: Counter[tuple[str, int, str]] = Counter()
    seconds: Counter[tuple[str, int, str]] = Counter()
    for body in (body for bodies in events_by_viewer.values() for body in bodies):
        hour = datetime.fromisoformat(body["timestamp"]).replace(
            tzinfo=UTC, minute=0, second=0, microsecond=0
        )
        key = (body["itemId"], int(hour.timestamp()), body["eventType"])
        events[key] += 1
        seconds[key] += body.get("durationWatched", 0)
    return {key: (number, seconds[key]) for key, number in events.items()}


def expected_history(events: Sequence[Json], get_genres: GetGenres) -> tuple[set[str], dict[str, float]]:
    """Return a viewer's expected seen items and affinities, as of their newest event."""
    seen: set[str] = set()
    parts: list[tuple[str, float, float]] = []  # genre, weight, epoch seconds
    for body in events:
        kind, item = body["eventType"], body["itemId"]
        if kind == "view" and body["durationWatched"] < 2:
            continue
        if kind in {"view", "complete", "skip"}:
            seen.add(item)
        at = datetime.fromisoformat(body["timestamp"]).replace(tzinfo=UTC, microsecond=0).timestamp()
        parts += [
            (genre, EVENT_AFFINITY_WEIGHTS[kind] * weight, at)
            for genre, weight in zip(get_genres(item), GENRE_POSITION_WEIGHTS, strict=False)
        ]
    newest = max((at for _, _, at in parts), default=0.0)
    sums: Counter[str] = Counter()
    for genre, weight, at in parts:
        sums[genre] += weight * 0.5 ** ((newest - at) / (30 * 86_400))
    return seen, {genre: round(total / (total + 3), 4) for genre, total in sums.items() if total > 0}


def are_same_affinities(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Return whether all affinities are equal, apart from rounding."""
    return all(
        abs(one.get(genre, 0.0) - other.get(genre, 0.0)) <= AFFINITY_TOLERANCE for genre in {*one, *other}
    )


def find_mismatches(
    events_by_viewer: EventsByViewer,
    histories: Mapping[str, tuple[set[str], dict[str, float]]],
    get_genres: GetGenres,
) -> list[str]:
    """Return the viewers whose stored seen items or affinities differ from the expected ones."""
    mismatches = []
    for viewer, events in events_by_viewer.items():
        expected_seen, expected_affinities = expected_history(events, get_genres)
        seen, affinities = histories.get(viewer, (set(), {}))
        if seen != expected_seen or not are_same_affinities(affinities, expected_affinities):
            mismatches.append(viewer)
    return mismatches
