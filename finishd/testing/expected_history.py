"""What phones tell, and what it must come to: by other means than the application's. Plain Python."""

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
GENRE_POSITION_WEIGHTS: Final = (1.0, 0.5)  # what an item's genres get of what it teaches
ROUNDING: Final = 1.01e-4  # affinities are compared to four digits; the last one may be rounded otherwise

Json = dict[str, Any]
EventsByViewer = Mapping[str, Sequence[Json]]  # by viewer
GenresOf = Callable[[str], Sequence[str]]  # of an item, the primary one first; of one that nobody knows, none


def make_event_body(rng: random.Random, *, item: str, at: float, event_id: str | None) -> Json:
    """Something that a viewer did to an item, as a phone words it; `at` is epoch seconds, sent to the millisecond."""
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


def expected_counts(stories: EventsByViewer) -> dict[tuple[str, int, str], tuple[int, int]]:
    """What counts must be: (item, hour, kind) → (events, seconds)."""
    events: Counter[tuple[str, int, str]] = Counter()
    seconds: Counter[tuple[str, int, str]] = Counter()
    for body in (body for told in stories.values() for body in told):
        moment = datetime.fromisoformat(body["timestamp"]).replace(
            tzinfo=UTC, minute=0, second=0, microsecond=0
        )
        cell = (body["itemId"], int(moment.timestamp()), body["eventType"])
        events[cell] += 1
        seconds[cell] += body.get("durationWatched", 0)
    return {cell: (number, seconds[cell]) for cell, number in events.items()}


def expected_history(told: Sequence[Json], genres_of: GenresOf) -> tuple[set[str], dict[str, float]]:
    """What a viewer has seen, and their affinities: event by event, each genre's sum as of the newest event."""
    seen: set[str] = set()
    parts: list[tuple[str, float, float]] = []  # genre, amount, when
    for body in told:
        kind, item = body["eventType"], body["itemId"]
        if kind == "view" and body["durationWatched"] < 2:
            continue
        if kind in {"view", "complete", "skip"}:
            seen.add(item)
        at = datetime.fromisoformat(body["timestamp"]).replace(tzinfo=UTC, microsecond=0).timestamp()
        parts += [
            (genre, EVENT_AFFINITY_WEIGHTS[kind] * place, at)
            for genre, place in zip(genres_of(item), GENRE_POSITION_WEIGHTS, strict=False)
        ]
    newest = max((at for _, _, at in parts), default=0.0)
    sums: Counter[str] = Counter()
    for genre, amount, at in parts:
        sums[genre] += amount * 0.5 ** ((newest - at) / (30 * 86_400))
    return seen, {genre: round(total / (total + 3), 4) for genre, total in sums.items() if total > 0}


def same_affinities(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return all(abs(one.get(genre, 0.0) - other.get(genre, 0.0)) <= ROUNDING for genre in {*one, *other})


def find_mismatches(
    stories: EventsByViewer, known: Mapping[str, tuple[set[str], dict[str, float]]], genres_of: GenresOf
) -> list[str]:
    """Viewers of whom anything else is known than they told: seen sets are equal, and so are affinities."""
    wrong = []
    for viewer, told in stories.items():
        seen, affinities = expected_history(told, genres_of)
        kept, weights = known.get(viewer, (set(), {}))
        if kept != seen or not same_affinities(weights, affinities):
            wrong.append(viewer)
    return wrong
