"""A request for a page of a feed: find or make the session's plan, slice it, hydrate it, fill it.

Waits on Redis, warm: a next page 2 (slice, cards), +1 when it must refill; a repeated
head 3; a first page with a new plan 7 (known, recall, titles, names, facts, claim, cards);
an extension 8 (slice, known, recall, titles, names, facts, append, cards). Never SQL or
the activity store when warm.
"""

import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from content.services import cards
from core.redis.client import state_redis
from core.redis.reads import Reads
from core.telemetry import labelled, timed
from feed import building, metrics, plans
from feed.building import Build, Built, Known
from feed.cursor import Cursor
from feed.healing import ask_for_rebuild
from feed.pipeline import FEEDS
from feed.plans import Pointer, View

# What becomes of a look for a plan. `lost`: somebody else made one meanwhile, and theirs is served.
Outcome = Literal["reused", "built", "lost_race", "replaced", "extended", "failed"]

# Slots read beyond what a page wants, so that vanished items cost one wait (their stand-ins' cards), not two.
SPARE: Final = 10
# Looks at the plan for one page: bounds what a mass unpublishing can cost it.
FILL_ROUNDS: Final = 4
# Characters of stand-ins' ids that a cursor carries; more of them (a mass unpublishing) cost a wait instead.
UNMARKED_ROOM: Final = 1_000


@dataclass(frozen=True, slots=True)
class Query:
    """Who wants what. `now` is epoch seconds, `deadline` seconds of time.monotonic()."""

    viewer: str
    feed: str
    limit: int
    now: float
    deadline: float
    cursor: Cursor | None = None
    refresh: bool = False

    @property
    def start(self) -> int:
        return self.cursor.position if self.cursor else 0

    @property
    def count(self) -> int:
        """Slots to read at first: the page, one to tell whether more follows, and the spares."""
        return self.limit + 1 + SPARE


class Live(NamedTuple):
    """A slot whose item is still published."""

    position: int
    item: str
    card: bytes
    slot: bytes


@dataclass(slots=True)
class Page:
    """A filled page. `cursor` is None exactly when nothing follows."""

    session: str
    number: int
    entries: list[Live] = field(default_factory=list)
    cursor: Cursor | None = None
    rebuilt: bool = False
    degraded: tuple[str, ...] = ()


def page(query: Query) -> Page:
    """The page. Raises core.redis.client.UNAVAILABLE when Redis gives no answer, DeadlinePassed when the request is
    late: the clients look at the clock before each of their calls."""
    view, rebuilt = _resume(query, query.cursor) if query.cursor else (_head(query), False)
    filled = _fill(query, view)
    filled.rebuilt = filled.rebuilt or rebuilt
    for source, number in Counter(plans.source_of(entry.slot) for entry in filled.entries).items():
        labelled(metrics.SLOTS_SERVED, query.feed, source).inc(number)
    return filled


def _note(query: Query, outcome: Outcome) -> None:
    labelled(metrics.PLAN_LOOKUPS, query.feed, outcome).inc()


def _head(query: Query) -> View:
    """The head of the viewer's session, a new one if there is none that still stands for their choices."""
    reads = Reads(state_redis())
    context = building.queue_context(reads, query.viewer)
    found = reads.add(plans.read_pointer(query.viewer, query.feed))
    reads.execute()
    pointer = found.value
    known = context.get(now=query.now, deadline=query.deadline)
    if pointer is not None and _stands(pointer, known, query):
        view = _read(query, pointer.session, start=0)
        if view is not None:
            _note(query, "reused")
            return view
    return _begin(query, known, pointer)


def _stands(pointer: Pointer, known: Known, query: Query) -> bool:
    if query.refresh or FEEDS[query.feed].fresh or query.now >= pointer.started + plans.HEAD_FOR:
        return False
    return pointer.choices == known.viewer.choice_version or "profile" in known.degraded


def _begin(query: Query, known: Known, seen: Pointer | None) -> View:
    """Plan a new session and claim it; if somebody else just did, theirs is the one."""
    pointer = Pointer(secrets.token_hex(8), int(query.now), known.viewer.choice_version)
    built = _build(
        query, known, Build(query.feed, pointer.session, pointer.started, 0, int(query.now), query.deadline)
    )
    winner = plans.claim_new(query.viewer, built.draft, seen=seen, pointer=pointer, mark=query.limit)
    if winner is not None:
        view = _read(query, winner.session, start=0)
        if view is not None:
            _note(query, "lost_race")
            return view
    _note(query, "built")
    building.keep_trace(query.viewer, built)
    return plans.view_of(built.draft, count=query.count)


def _resume(query: Query, cursor: Cursor) -> tuple[View, bool]:
    """The plan behind a cursor; one that is gone is made again."""
    ttl = min(plans.KEPT_FOR, cursor.started + plans.LONGEST - int(query.now))
    view = _read(query, cursor.session, start=cursor.position, ttl=ttl)
    if view is not None:
        return view, False
    return _remade(query, cursor.session, start=cursor.position, unmarked=cursor.unmarked), True


def _remade(query: Query, session: str, *, start: int, unmarked: tuple[str, ...]) -> View:
    """A new plan for a session whose own is gone, from `start` on, without what the session was served."""
    reads = Reads(state_redis())
    context = building.queue_context(reads, query.viewer)
    reads.execute()
    known = context.get(now=query.now, deadline=query.deadline)
    now = int(query.now)
    what = Build(
        query.feed,
        session,
        now,
        start,
        now,
        query.deadline,
        taken=frozenset(unmarked),
        served_before=start - len(unmarked),
    )
    built = _build(query, known, what)
    view = None
    if not plans.claim_again(query.viewer, built.draft, unmarked=unmarked, mark=start + query.limit):
        view = _read(query, session, start=start)
    _note(query, "lost_race" if view else "replaced")
    return view or plans.view_of(built.draft, count=query.count)


def _extended(query: Query, session: str, *, start: int, count: int, mark: int) -> View | None:
    """The plan with its next chunk, looked at from `start` again; None if it vanished meanwhile."""
    reads = Reads(state_redis())
    context = building.queue_context(reads, query.viewer)
    found = reads.add(plans.read_state(query.viewer, session))
    reads.execute()
    state = found.value
    if state is None:
        return None
    header = state.header
    known = _pinned(context.get(now=query.now, deadline=query.deadline), header.generation)
    what = Build(
        query.feed,
        session,
        header.started,
        state.end,
        int(query.now),
        query.deadline,
        taken=frozenset(state.item_ids),
        tail=state.tail,
        degraded=header.degraded,
    )
    built = _build(query, known, what)
    building.keep_trace(query.viewer, built)
    _note(query, "extended")
    return plans.append(
        query.viewer, built.draft, length=len(state.item_ids), start=start, count=count, mark=mark
    )


def _pinned(known: Known, generation: int | None) -> Known:
    """Keep to the generation that the plan began with while it is there."""
    if known.current is not None and generation in known.current.kept:
        known.current = replace(known.current, generation=generation)
    return known


def _build(query: Query, known: Known, what: Build) -> Built:
    if known.current is None:
        ask_for_rebuild()
    try:
        with timed(labelled(metrics.BUILD_TIME, query.feed)):
            return building.build(known, what)
    except Exception:
        _note(query, "failed")
        raise


def _read(query: Query, session: str, *, start: int, ttl: int = 0) -> View | None:
    mark = start + query.limit
    return plans.read(query.viewer, session, start=start, count=query.count, mark=mark, ttl=ttl)


def _fill(query: Query, view: View) -> Page:
    """Hydrate until the page is full and it is known whether one more follows."""
    session, start, marked = view.header.session, view.start, view.start + query.limit
    live: list[Live] = []
    remade = False
    for attempt in range(FILL_ROUNDS):
        want = query.limit + 1 - len(live)
        count = want + SPARE * 4**attempt
        found: View | None = view
        if attempt:
            marked = start + want - 1
            found = plans.read(query.viewer, session, start=start, count=count, mark=marked, ttl=0)
        if found is not None and len(found.slots) < want and not found.dry:
            found = _extended(query, session, start=start, count=count, mark=marked)
        if found is None:  # it expired under our hands
            found, remade = _remade(query, session, start=start, unmarked=_unmarked(live, marked)), True
        view = found
        live += _hydrate(view.slots, start, want)
        start += len(view.slots)
        if len(live) > query.limit or (view.dry and start >= view.stop):
            break
    filled = Page(session, query.cursor.page + 1 if query.cursor else 1, live[: query.limit])
    filled.rebuilt, filled.degraded = remade, view.header.degraded
    if len(live) > query.limit:
        filled.cursor = _cursor(query, view, filled, live[query.limit].position, marked)
    elif not (view.dry and start >= view.stop):
        filled.cursor = _cursor(query, view, filled, start, marked)
    return filled


def _unmarked(live: Sequence[Live], marked: int) -> tuple[str, ...]:
    return tuple(entry.item for entry in live if entry.position >= marked)


def _hydrate(slots: Sequence[tuple[str, bytes]], start: int, want: int) -> list[Live]:
    """Up to `want` live slots: the cards of the first `want`, and of the spares only if some are gone."""
    live: list[Live] = []
    for begin, end in ((0, want), (want, len(slots))):
        part = slots[begin:end]
        if len(live) >= want or not part:
            break
        found = cards.get_cards([item for item, _ in part])
        live += [
            Live(start + begin + place, item, card, slot)
            for place, ((item, slot), card) in enumerate(zip(part, found, strict=True))
            if card is not None
        ]
    return live[:want]


def _cursor(query: Query, view: View, filled: Page, position: int, marked: int) -> Cursor:
    header = view.header
    unmarked = _unmarked(filled.entries, marked)
    if len(json.dumps(unmarked)) > UNMARKED_ROOM:
        plans.read(query.viewer, header.session, start=position, count=1, mark=position, ttl=0)
        unmarked = ()
    return Cursor(
        header.feed, header.session, position, filled.number, header.started, int(query.now), unmarked
    )
