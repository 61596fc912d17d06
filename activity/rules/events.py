"""Folding of events into history deltas: seen items, skipped titles and affinity sums of each viewer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from activity.rules import affinities, history
from activity.types import HistoryDelta
from analytics.types import Event, EventKind
from content.types import Facts

# What an event adds to the affinity sums of its item's genres. For comparison: a favourite adds 1, a title picked in
# the preferences 0.5.
EVENT_AFFINITY_WEIGHTS: Final[Mapping[EventKind, float]] = {
    "view": 0.1,
    "complete": 0.5,
    "save": 0.5,
    "share": 0.7,
    "like": 1.0,
    "skip": -0.3,
}
SEEN_KINDS: Final[frozenset[EventKind]] = frozenset(("view", "complete", "skip"))
MIN_WATCHED_SECONDS: Final = 2  # a shorter view, or one without a duration, does not make an item seen


def select_relevant_events(events: Iterable[Event]) -> list[Event]:
    """Return the events that change a history: all except short views."""
    return [
        event
        for event in events
        if event.kind != "view" or (event.watched_seconds or 0) >= MIN_WATCHED_SECONDS
    ]


def fold_events(
    events: Iterable[Event], facts: Mapping[str, Facts], *, stream: str, end_id: str
) -> dict[str, HistoryDelta]:
    """Return viewer → the history delta of relevant events, without empty deltas.

    Items without facts (not published) become seen, but add no affinity and no skipped title.
    """
    by_viewer: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_viewer[event.viewer].append(event)
    deltas = {viewer: _make_delta(group, facts, stream, end_id) for viewer, group in by_viewer.items()}
    return {viewer: delta for viewer, delta in deltas.items() if delta.seen or delta.affinity_sums}


def _make_delta(
    events: Sequence[Event], facts: Mapping[str, Facts], stream: str, end_id: str
) -> HistoryDelta:
    published = [(event, facts[event.item]) for event in events if event.item in facts]
    with_genres = [(event, item.genres) for event, item in published if item.genres]
    return HistoryDelta(
        stream,
        end_id,
        seen=history.latest_by_key(
            {event.item: _get_time(event)} for event in events if event.kind in SEEN_KINDS
        ),
        affinity_sums=affinities.sum_by_genre(
            affinities.split_by_genre(
                genres, EVENT_AFFINITY_WEIGHTS[event.kind] * affinities.decay_scale(_get_time(event))
            )
            for event, genres in with_genres
        ),
        affinity_at=max((_get_time(event) for event, _ in with_genres), default=0),
        skipped=history.merge_skipped(
            {item.title: _get_time(event)} for event, item in published if event.kind == "skip"
        ),
    )


def _get_time(event: Event) -> int:
    """Return when the event occurred, at most its arrival: a date far in the future would outweigh all other events."""
    return min(event.occurred_at, event.arrived_at)
