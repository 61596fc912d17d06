"""What slices of events add to what is kept of a person, the same in every store. Pure.

Times are merged by the latest, sums by addition, lists by keeping the newest: none of it depends on an order. What
makes a repeat harmless is `Watched.applied`: a stretch of a stream counts once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from activity.store import taste
from activity.types import SEEN_KEPT, SKIPPED_KEPT, SKIPPED_SECONDS, Slice
from analytics.types import parse_stream_id

# A person's events go to one stream; another one begins when Redis was emptied or shards were added.
STREAMS_KEPT: Final = 32


class Watched(NamedTuple):
    """Of a person: see Slice for `learned`, `learned_at` and `skipped`; `applied` is stream → the id up to which
    it is in here."""

    learned: Mapping[str, float]
    learned_at: int
    skipped: Mapping[str, int]
    applied: Mapping[str, str]


def unapplied(slices: Iterable[Slice], applied: Mapping[str, str]) -> list[Slice]:
    """Those beyond what is applied, each stretch once."""
    beyond = [
        s
        for s in slices
        if s.stream not in applied or parse_stream_id(s.upto) > parse_stream_id(applied[s.stream])
    ]
    return list({(s.stream, s.upto): s for s in beyond}.values())


def joined(before: Watched, slices: Sequence[Slice]) -> Watched:
    """What is kept after these, none of which was applied yet."""
    return Watched(
        learned=taste.added((before.learned, *(s.learned for s in slices))),
        learned_at=max((before.learned_at, *(s.learned_at for s in slices))),
        skipped=newest_skipped((before.skipped, *(s.skipped for s in slices))),
        applied=_applied(before.applied, slices),
    )


def newest_seen(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Item → when it was last seen: the newest SEEN_KEPT, newest first."""
    return dict(_newest(latest(parts))[:SEEN_KEPT])


def newest_skipped(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Title → when it was last skipped: the newest SKIPPED_KEPT, none long before the newest."""
    newest = _newest(latest(parts))[:SKIPPED_KEPT]
    return {title: at for title, at in newest if at > newest[0][1] - SKIPPED_SECONDS}


def latest(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Key → the latest of its times."""
    merged: dict[str, int] = {}
    for part in parts:
        for key, at in part.items():
            merged[key] = max(at, merged.get(key, at))
    return merged


def _newest(times: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(times.items(), key=lambda pair: (-pair[1], pair[0]))


def _applied(before: Mapping[str, str], slices: Sequence[Slice]) -> dict[str, str]:
    ends = dict(before)
    for s in slices:
        ends[s.stream] = max(s.upto, ends.get(s.stream, s.upto), key=parse_stream_id)
    newest = sorted(ends.items(), key=lambda pair: (parse_stream_id(pair[1]), pair[0]))[-STREAMS_KEPT:]
    return dict(sorted(newest))
