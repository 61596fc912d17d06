"""What events say of their viewers: what they have seen, what they skipped, what they come to like. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from activity.rules import affinities, history
from activity.types import HistoryDelta
from analytics.types import Event, EventKind
from content.types import Facts

# What an event adds to its item's genres, beside a title liked in full (1) and one picked at the start (0.5).
LEARNED: Final[Mapping[EventKind, float]] = {
    "view": 0.1,
    "complete": 0.5,
    "save": 0.5,
    "share": 0.7,
    "like": 1.0,
    "skip": -0.3,
}
SEEN: Final[frozenset[EventKind]] = frozenset(("view", "complete", "skip"))
WATCHED_LEAST: Final = 2  # seconds; a shorter view, or one without a duration, went by unseen


def telling(events: Iterable[Event]) -> list[Event]:
    """Those that say something of their viewer."""
    return [
        event for event in events if event.kind != "view" or (event.watched_seconds or 0) >= WATCHED_LEAST
    ]


def fold(
    events: Iterable[Event], facts: Mapping[str, Facts], *, stream: str, end_id: str
) -> dict[str, HistoryDelta]:
    """By viewer what telling events come to. Items without facts (not published) are seen, and teach nothing."""
    by_viewer: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_viewer[event.viewer].append(event)
    slices = {viewer: _slice(mine, facts, stream, end_id) for viewer, mine in by_viewer.items()}
    return {viewer: mine for viewer, mine in slices.items() if mine.seen or mine.affinity_sums}


def _slice(events: Sequence[Event], facts: Mapping[str, Facts], stream: str, end_id: str) -> HistoryDelta:
    known = [(event, facts[event.item]) for event in events if event.item in facts]
    taught = [(event, about.genres) for event, about in known if about.genres]
    return HistoryDelta(
        stream,
        end_id,
        seen=history.latest_by_key({event.item: _at(event)} for event in events if event.kind in SEEN),
        affinity_sums=affinities.sum_by_genre(
            affinities.split_by_genre(genres, LEARNED[event.kind] * affinities.decay_scale(_at(event)))
            for event, genres in taught
        ),
        affinity_at=max((_at(event) for event, _ in taught), default=0),
        skipped=history.merge_skipped(
            {about.title: _at(event)} for event, about in known if event.kind == "skip"
        ),
    )


def _at(event: Event) -> int:
    """Nothing happened after it was told: one date in the far future would outweigh all that is ever learned."""
    return min(event.occurred_at, event.arrived_at)
