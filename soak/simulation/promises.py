"""What must hold for the stored data when the faults have ended and the work is done.

Each function yields a sentence for each violation. `soak.checks` has the promises about answers and pages.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from activity.services import profiles, timelines
from activity.types import Profile
from analytics.models import Checkpoint
from core.redis.client import state_redis
from finishd.testing.expected import ExpectedActivity, Pair
from finishd.testing.inspection import cached_rows, rows_by_author_and_title, stored_counts
from soak.checks.counts import is_surely_stored
from soak.checks.registers import Register, World
from soak.history import Count, Event, History, Operation
from soak.simulation.store_model import StoreModel

Rows = dict[Pair, ExpectedActivity]

SEEN_KINDS: Final = ("view", "complete", "skip")


def find_violations(history: History, store: StoreModel, uids: Iterable[str], *, now: float) -> Iterator[str]:
    """Check everything. `now` is after the last operation."""
    yield from find_unfinished_work(store)
    yield from find_lost_changes(history, store, now=now)
    yield from find_timeline_errors(store, uids)
    yield from find_reset_errors(history)
    yield from find_history_errors(history, store)


def find_lost_changes(history: History, store: StoreModel, *, now: float) -> Iterator[str]:
    """What was answered 200 is stored, and what was taken back is not."""
    world = World(history)
    for uid, registers in sorted(world.relations.items()):
        for title, register in sorted(registers.items()):
            activity = store.activities.get((uid, title))
            found = activity is not None and not activity.relation.is_empty
            yield from _compare_register(register, found, f"{uid} relates to {title}", now=now)
    for uid, registers in sorted(world.edges.items()):
        for target, register in sorted(registers.items()):
            yield from _compare_register(
                register, (uid, target) in store.follows, f"{uid} follows {target}", now=now
            )


def _compare_register(register: Register, found: bool, fact: str, *, now: float) -> Iterator[str]:
    if register.is_surely(not found, now, now):
        yield f"a 200 is kept: that {fact} is stored as {found}"


def find_timeline_errors(store: StoreModel, uids: Iterable[str]) -> Iterator[str]:
    """Each timeline has the activities of the viewer's followees, and no others."""
    for uid in uids:
        stored = store.people.get(uid)
        profile = stored.profile if stored else Profile(uid)
        cached = profiles.get(uid)
        if cached != profile:
            yield f"caches agree with the store: profile of {uid} has version {cached.version}, not {profile.version}"
        expected = _get_expected(store, uid)
        pushed = {pair: row for pair, row in expected.items() if pair[0] not in profile.pull_list}
        durable = rows_by_author_and_title(list(store.timelines.get(uid, {}).values()))
        yield from _compare(f"the stored timeline of {uid}", _without(durable, profile), pushed)
        rows = cached_rows(uid)
        if rows is not None:
            loaded = _without(rows_by_author_and_title(rows), profile)
            yield from _compare(f"the cached timeline of {uid}", loaded, pushed)
        entries = timelines.read(cached).fetch(state_redis())
        shown = rows_by_author_and_title([row for entry in entries for row in entry.supporters])
        yield from _compare(f"the timeline that {uid} reads", shown, expected)


def find_unfinished_work(store: StoreModel) -> Iterator[str]:
    """All jobs are done."""
    for job in store.jobs.values():
        yield f"all jobs finish: {job} is left"


def make_count_operation(now: float) -> Operation:
    """Return the stored counts as an operation, for `soak.checks`."""
    counts = tuple(
        Count(item, hour, kind, events, seconds)
        for (item, hour, kind), (events, seconds) in sorted(stored_counts().items())
    )
    return Operation("check", "count", "", now, now, counts=counts)


def find_reset_errors(history: History) -> Iterator[str]:
    """A stream is reset only if Redis lost data."""
    resets = sum(Checkpoint.objects.values_list("stream_resets", flat=True))
    if resets and not any(fault.loses_since is not None for fault in history.faults):
        yield f"streams are reset only after a loss: {resets} resets"


def find_history_errors(history: History, store: StoreModel) -> Iterator[str]:
    """The seen history of each person has the items of their acknowledged events, and of no others."""
    answers: dict[tuple[str, Event], list[float]] = {}
    for operation in history.operations:
        for event in operation.events:
            if event.kind in SEEN_KINDS:
                acknowledged = answers.setdefault((operation.actor, event), [])
                acknowledged += [operation.end] if operation.is_ok else []
    for uid in sorted({uid for uid, _ in answers} | store.seen.keys()):
        seen = set(store.seen.get(uid, {}))
        own = {event: at for (actor, event), at in answers.items() if actor == uid}
        required = {event.item for event, at in own.items() if is_surely_stored(event, at, history)}
        if missing := sorted(required - seen):
            yield f"seen items are remembered: {uid} has seen {missing}"
        if surplus := sorted(seen - {event.item for event in own}):
            yield f"seen items were seen: {uid} has not seen {surplus}"


def _get_expected(store: StoreModel, viewer: str) -> Rows:
    return {
        pair: (a.at, a.relation.status, a.relation.favorite, a.relation.rating)
        for pair, a in store.activities.items()
        if (viewer, a.uid) in store.follows and not a.relation.is_empty
    }


def _without(rows: Rows, profile: Profile) -> Rows:
    """Return the rows without those of pull-delivered accounts, which plans ignore."""
    return {pair: row for pair, row in rows.items() if pair[0] not in profile.pull_list}


def _compare(name: str, found: Rows, expected: Rows) -> Iterator[str]:
    if missing := sorted(cast(Any, expected.keys() - found.keys())):
        yield f"followers see activities: {name} lacks {missing}"
    if surplus := sorted(cast(Any, found.keys() - expected.keys())):
        yield f"what was undone, unfollowed or blocked is gone: {name} has {surplus}"
    if old := sorted(pair for pair in found.keys() & expected.keys() if found[pair] != expected[pair]):
        yield f"followers see the newest state: {name} has old rows {old}"
