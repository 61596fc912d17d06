"""The invariants that hold when no work is left.

Pure functions: each compares expected results with the stored ones and returns the violations.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from finishd.testing.expected import ExpectedTimelines
from finishd.testing.expected_history import GetGenres, find_mismatches
from soak.monitoring import MAX_REDIS_CONNECTIONS, MAX_SQL_CONNECTIONS, MemoryGrowth
from soak.reporting import ReportingViewer

MAX_REPORTED: Final = 10  # Differences of one kind that are described.

Stored = Mapping[str, Any]
Row = tuple[Any, ...]  # at, status, favorite, rating
RowsByPair = Mapping[tuple[str, str], Row]  # By author and title.


def find_event_errors(
    viewers: Sequence[ReportingViewer],
    stored: Stored,
    catalogue: Iterable[str],
    affected: Collection[str] = (),
) -> Iterator[str]:
    """Every accepted event is read once, and is a dead letter if its item is not in the catalogue.

    Events of the `affected` viewers may be lost, or count twice, because Redis lost its last writes.
    """
    items = set(catalogue)
    dead_letters = Counter(
        (letter["viewer"], letter["item"], letter["reason"])
        for letter in stored["dead_letters"]
        if letter["viewer"] not in affected
    )
    expected_dead_letters = Counter(
        (viewer.uid, body["itemId"], "unknown_item")
        for viewer in viewers
        for body in viewer.accepted
        if body["itemId"] not in items and viewer.uid not in affected
    )
    yield from _find_differences("dead letter", expected_dead_letters, dead_letters)
    accepted = sum(len(viewer.accepted) for viewer in viewers)
    for reader in ("counts", "history"):
        rows = [row for row in stored["checkpoints"] if row["reader"] == reader]
        read = sum(row["events"] for row in rows)
        if read != accepted and not affected:
            yield f"reader {reader} read {read} events of {accepted}"
        if any(row["dead_letters_lost"] or (row["stream_resets"] and not affected) for row in rows):
            yield f"reader {reader} lost dead letters or streams: {rows}"


def find_history_errors(
    viewers: Sequence[ReportingViewer], stored: Stored, get_genres: GetGenres
) -> Iterator[str]:
    """Seen history and affinities follow from the accepted events.

    Affinities are compared only for viewers of stable items: an event does not change them if its item was unpublished
    when the event was read.
    """
    histories = {uid: (set(seen), affinities) for uid, (seen, affinities) in stored["histories"].items()}
    stable = {viewer.uid: viewer.accepted for viewer in viewers if not viewer.reports_unknown_items}
    for uid in find_mismatches(stable, histories, get_genres):
        yield f"history of {uid} differs from the accepted events"
    others = {viewer.uid: viewer.accepted for viewer in viewers if viewer.reports_unknown_items}
    seen_only: dict[str, tuple[set[str], dict[str, float]]] = {
        uid: (histories[uid][0], {}) for uid in others if uid in histories
    }
    for uid in find_mismatches(others, seen_only, lambda _: ()):
        yield f"seen history of {uid} differs from the accepted events"


def find_timeline_errors(model: ExpectedTimelines, stored: Stored) -> Iterator[str]:
    """Activities are the accepted ones, and each timeline has the activities of the viewer's followees."""
    activities = {(uid, title): tuple(row) for uid, title, *row in stored["activities"]}
    expected = {
        pair: (relation.status, relation.favorite, relation.rating)
        for pair, (relation, _) in model.activities.items()
        if not relation.is_empty
    }
    found = {pair: row[1:] for pair, row in activities.items()}  # The server determines the time.
    yield from _find_differences("activity", expected, found)
    for uid, person in stored["people"].items():
        followees = {followee for follower, followee in model.follows if follower == uid}
        yield from (f"{error} of {uid}" for error in _find_person_errors(person, followees, activities))


def _find_person_errors(person: Stored, followees: set[str], activities: RowsByPair) -> Iterator[str]:
    if person["profile_differences"]:
        yield f"the cached profile differs from the store ({person['profile_differences']})"
    if person["following"] != len(followees):
        yield f"{person['following']} followees instead of {len(followees)}"
    pull_list = person["pull_list"]
    expected = {pair: row for pair, row in activities.items() if pair[0] in followees}
    pushed = {pair: row for pair, row in expected.items() if pair[0] not in pull_list}
    for name in ("visible", "visible_after_reload"):
        yield from _find_differences(f"{name} timeline row", expected, _by_pair(person[name]))
    for name in ("durable", "reloaded", "cached"):
        if person[name] is not None:
            # Pushed rows of a pull-delivered account may remain. Plans ignore them.
            rows = {pair: row for pair, row in _by_pair(person[name]).items() if pair[0] not in pull_list}
            yield from _find_differences(f"{name} timeline row", pushed, rows)


def find_catalogue_errors(unpublished: set[str], items: Iterable[str], stored: Stored) -> Iterator[str]:
    """Cards agree with SQL, items have the status that staff set last, and Redis keys are as declared."""
    expected = dict.fromkeys(set(items) - unpublished, "published")
    yield from _find_differences("item", expected, dict.fromkeys(stored["published"], "published"))
    if stored["wrong_cards"]:
        yield f"cards that differ from SQL: {stored['wrong_cards'][:MAX_REPORTED]}"
    yield from (f"key {violation}" for violation in stored["key_violations"][:MAX_REPORTED])
    if stored["index_age"] is None:
        yield "there is no index"


def find_lost_messages(
    stored: Stored, *, last_recovery: float, now: float, redelivery_seconds: float
) -> Iterator[str]:
    """Queues are empty, and no message is unacknowledged. Times are epoch seconds.

    An exception are the messages of killed workers. They were taken before `last_recovery`, and Redis delivers them
    again `redelivery_seconds` after they were taken.
    """
    if any(stored["queues"].values()):
        yield f"queues are not empty: {stored['queues']}"
    lost = [at for at in stored["taken_at"] if at > last_recovery or at < now - redelivery_seconds]
    if lost:
        yield f"{len(lost)} messages are unacknowledged, the oldest for {now - lost[0]:.0f} s"


def find_connection_leaks(redis_connections: int, sql_states: Sequence[str]) -> Iterator[str]:
    """There are no more connections than the pools may have, and none has an open transaction."""
    if redis_connections > MAX_REDIS_CONNECTIONS:
        yield f"{redis_connections} connections to Redis, limit {MAX_REDIS_CONNECTIONS}"
    if len(sql_states) > MAX_SQL_CONNECTIONS:
        yield f"{len(sql_states)} connections to PostgreSQL, limit {MAX_SQL_CONNECTIONS}"
    open_transactions = [state for state in sql_states if state.startswith("idle in transaction")]
    if open_transactions:
        yield f"{len(open_transactions)} transactions are open"


def find_memory_leaks(growths: Sequence[MemoryGrowth]) -> Iterator[str]:
    for growth in growths:
        if growth.is_excessive:
            yield (
                f"{growth.role} grew by {growth.growth:.1f} MB in {growth.seconds:.0f} s, "
                f"{growth.slope:.2f} MB a minute"
            )


def _by_pair(rows: Sequence[Sequence[Any]]) -> dict[tuple[str, str], Row]:
    return {(author, title): tuple(row) for author, title, *row in rows}


def _find_differences(kind: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[str]:
    """Describe the first MAX_REPORTED keys whose values differ, and the number of all of them."""
    different = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
    if different:
        examples = "; ".join(
            f"{key}: {found.get(key)} instead of {expected.get(key)}"
            for key in sorted(different)[:MAX_REPORTED]
        )
        yield f"{len(different)} wrong values of kind {kind}: {examples}"
