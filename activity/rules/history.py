"""Merging history deltas.

Times merge by the latest, sums by addition, and limits keep the newest, so the order of merging does not matter. A
repeated delta is recognised by `Person.stream_positions`: a batch of a stream is applied once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from activity.rules import affinities
from activity.rules.person import Person, raise_versions
from activity.types import MAX_SEEN_ITEMS, MAX_SKIPPED_TITLES, SKIPPED_TTL, HistoryDelta
from analytics.types import parse_entry_id

# A person's events go to one stream. Another begins when Redis was emptied or shards were added.
MAX_STREAM_POSITIONS: Final = 32


def select_unapplied(deltas: Iterable[HistoryDelta], positions: Mapping[str, str]) -> list[HistoryDelta]:
    """Return the deltas beyond the applied positions, without duplicates."""
    unapplied = [
        delta
        for delta in deltas
        if delta.stream not in positions
        or parse_entry_id(delta.end_id) > parse_entry_id(positions[delta.stream])
    ]
    return list({(delta.stream, delta.end_id): delta for delta in unapplied}.values())


def apply_history(
    person: Person, seen: Mapping[str, int], deltas: Sequence[HistoryDelta]
) -> tuple[Person, dict[str, int]]:
    """Return the person and their seen history after deltas of which none was applied before.

    It is not a choice of the person's, so their session continues.
    """
    return (
        raise_versions(person, apply_deltas(person, deltas)),
        merge_seen((seen, *(delta.seen for delta in deltas))),
    )


def apply_deltas(person: Person, deltas: Sequence[HistoryDelta]) -> Person:
    """Return the person after deltas of which none was applied before. Versions do not rise."""
    sums = (person.event_affinity_sums, *(delta.affinity_sums for delta in deltas))
    return replace(
        person,
        event_affinity_sums=affinities.sum_by_genre(sums),
        event_affinity_at=max((person.event_affinity_at, *(delta.affinity_at for delta in deltas))),
        skipped=merge_skipped((person.skipped, *(delta.skipped for delta in deltas))),
        stream_positions=merge_positions(person.stream_positions, deltas),
    )


def merge_seen(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return item → when it was last seen: the newest MAX_SEEN_ITEMS, newest first."""
    return dict(_newest_first(latest_by_key(parts))[:MAX_SEEN_ITEMS])


def merge_skipped(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return title → when it was last skipped: the newest MAX_SKIPPED_TITLES, none older than SKIPPED_TTL."""
    newest = _newest_first(latest_by_key(parts))[:MAX_SKIPPED_TITLES]
    return {title: at for title, at in newest if at > newest[0][1] - SKIPPED_TTL}


def latest_by_key(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return key → the latest of its times."""
    merged: dict[str, int] = {}
    for part in parts:
        for key, at in part.items():
            merged[key] = max(at, merged.get(key, at))
    return merged


def merge_positions(positions: Mapping[str, str], deltas: Sequence[HistoryDelta]) -> dict[str, str]:
    """Return stream → the id of the last entry applied, after `deltas`; the newest MAX_STREAM_POSITIONS streams."""
    merged = dict(positions)
    for delta in deltas:
        merged[delta.stream] = max(delta.end_id, merged.get(delta.stream, delta.end_id), key=parse_entry_id)
    newest = sorted(merged.items(), key=lambda pair: (parse_entry_id(pair[1]), pair[0]))
    return dict(sorted(newest[-MAX_STREAM_POSITIONS:]))


def _newest_first(times: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(times.items(), key=lambda pair: (-pair[1], pair[0]))
