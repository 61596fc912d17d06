"""What must be true when all is quiet. Pure: what was promised beside what is kept; each answers what is wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from finishd.testing.expected import ExpectedTimelines
from finishd.testing.expected_history import GenresOf, expected_counts, find_mismatches
from soak.monitoring import REDIS_MOST, SQL_MOST, Growth
from soak.reporting import Viewer, stories

TOLD: Final = 10  # differences of a kind that are told one by one

Kept = Mapping[str, Any]


def counts(viewers: Sequence[Viewer], kept: Kept, known_items: Iterable[str]) -> Iterator[str]:
    """Every acknowledged event counts call_once, those of items that nobody has are letters, and nothing else is."""
    there = set(known_items)
    every = expected_counts(stories(viewers))
    expected = {cell: sums for cell, sums in every.items() if cell[0] in there}
    found = {(item, hour, kind): (events, seconds) for item, hour, kind, events, seconds in kept["counts"]}
    yield from _differences("count", expected, found)
    letters = Counter((letter["viewer"], letter["item"], letter["reason"]) for letter in kept["letters"])
    strangers = Counter(
        (viewer.uid, body["itemId"], "unknown_item")
        for viewer in viewers
        for body in viewer.told
        if body["itemId"] not in there
    )
    yield from _differences("dead letter", strangers, letters)
    number = sum(len(viewer.told) for viewer in viewers)
    for reader in ("counts", "history"):
        rows = [row for row in kept["readers"] if row["reader"] == reader]
        read = sum(row["events"] for row in rows)
        if read != number:
            yield f"reader {reader} had {read} events of {number}"
        if any(row["dead_letters_lost"] or row["stream_resets"] for row in rows):
            yield f"reader {reader} lost letters or streams: {rows}"


def tastes(viewers: Sequence[Viewer], kept: Kept, genres_of: GenresOf) -> Iterator[str]:
    """What is known of viewers is what they told; taste only where no item was unpublished under an event."""
    known = {uid: (set(seen), weights) for uid, (seen, weights) in kept["known"].items()}
    steady = {viewer.uid: viewer.told for viewer in viewers if not viewer.unknown}
    for uid in find_mismatches(steady, known, genres_of):
        yield f"of {uid} something else is known than they told"
    loose = {viewer.uid: viewer.told for viewer in viewers if viewer.unknown}
    for uid in find_mismatches(
        loose, {uid: (known[uid][0], {}) for uid in loose if uid in known}, lambda _: ()
    ):
        yield f"of {uid} something else was seen than they told"


def timelines(model: ExpectedTimelines, kept: Kept) -> Iterator[str]:
    """Deeds are those that were acknowledged; each timeline is what those whom one follows did, wherever it is read."""
    deeds = {(uid, title): tuple(deed) for uid, title, *deed in kept["deeds"]}
    expected = {
        pair: (relation.status, relation.favorite, relation.rating)
        for pair, (relation, _) in model.activities.items()
        if not relation.empty
    }
    yield from _differences("deed", expected, {pair: deed[1:] for pair, deed in deeds.items()})
    for uid, found in kept["people"].items():
        yield from (f"{what} of {uid}" for what in _of_person(uid, found, model, deeds))


def _of_person(
    uid: str, found: Kept, model: ExpectedTimelines, deeds: Mapping[tuple[str, str], tuple[Any, ...]]
) -> Iterator[str]:
    follows = {target for follower, target in model.follows if follower == uid}
    if found["differs"]:
        yield f"the profile in Redis is not the store's ({found['differs']})"
    if found["following"] != len(follows):
        yield f"{found['following']} followed instead of {len(follows)}"
    truth = {pair: deed for pair, deed in deeds.items() if pair[0] in follows}
    pushed = {pair: deed for pair, deed in truth.items() if pair[0] not in found["pulled"]}
    for name in ("visible", "visible_loaded"):
        yield from _differences(f"{name} row", truth, _pairs(found[name]))
    for name in ("durable", "loaded", "hot"):
        if found[name] is not None:
            rows = {p: deed for p, deed in _pairs(found[name]).items() if p[0] not in found["pulled"]}
            yield from _differences(f"{name} row", pushed, rows)


def catalogue(hidden: set[str], every: Iterable[str], kept: Kept) -> Iterator[str]:
    """Cards say what staff last said, and no key of Redis is what it was not declared to be."""
    yield from _differences(
        "item", dict.fromkeys(set(every) - hidden, "published"), dict.fromkeys(kept["published"], "published")
    )
    if kept["mistaken"]:
        yield f"cards that are not what SQL says: {kept['mistaken'][:TOLD]}"
    yield from (f"key {complaint}" for complaint in kept["keys"][:TOLD])
    if kept["index_age"] is None:
        yield "there is no index"


def messages(kept: Kept, *, disturbed: float, now: float, visible_again: float) -> Iterator[str]:
    """Queues are empty. What a killed worker held (taken before `disturbed`) comes back by itself, `visible_again`
    seconds after it was taken; nothing else is still held. Times are epoch seconds."""
    if any(kept["queues"].values()):
        yield f"messages wait: {kept['queues']}"
    held = [taken for taken in kept["taken"] if taken > disturbed or taken < now - visible_again]
    if held:
        yield f"{len(held)} messages are held by nobody, the oldest for {now - held[0]:.0f} s"


def connections(redis: int, sql: Sequence[str]) -> Iterator[str]:
    """No more than pools can hold, and none within a transaction."""
    if redis > REDIS_MOST:
        yield f"{redis} connections to Redis, and {REDIS_MOST} are accounted for"
    if len(sql) > SQL_MOST:
        yield f"{len(sql)} connections to PostgreSQL, and {SQL_MOST} are accounted for"
    busy = [state for state in sql if state.startswith("idle in transaction")]
    if busy:
        yield f"{len(busy)} transactions were left open"


def memory(growths: Sequence[Growth]) -> Iterator[str]:
    for growth in growths:
        if growth.too_much:
            yield (
                f"{growth.role} grew by {growth.growth:.1f} MB in {growth.seconds:.0f} s, "
                f"{growth.slope:.2f} MB a minute"
            )


def _pairs(rows: Sequence[Sequence[Any]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {(actor, title): tuple(deed) for actor, title, *deed in rows}


def _differences(what: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[str]:
    """The first TOLD keys by which two tables differ, and how many do."""
    wrong = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
    if wrong:
        some = "; ".join(
            f"{key}: {found.get(key)} instead of {expected.get(key)}" for key in sorted(wrong)[:TOLD]
        )
        yield f"{len(wrong)} times a {what} is not as it must be: {some}"
