"""Making a viewer's timeline hold what one followee did: backfill on follow, purge on unfollow and block.

Both look at the edge as it is now, so a follow and an unfollow that race end in what came last.
"""

from collections.abc import Sequence
from typing import Final

from activity import hot
from activity.services import names, timelines
from activity.store import store
from activity.types import Activity, Job

BACKFILLED: Final = 100  # newest activities that a new follower gets
PAGE: Final = 500
SYNC_TRIES: Final = 5
# A purge runs twice: a delivery that had read the edge before it went may still write, for as long as a
# chunk may run.
SECOND_PURGE_AFTER: Final = 25.0


def sync(viewer: str, actor: str, *, newest: int = BACKFILLED) -> bool:
    """Bring the viewer's rows of `actor` in line with the edge between them; whether there is one.

    Idempotent. Cost: 3 store calls and 1-2 waits a look, two looks if nothing moves meanwhile.
    """
    pair = (viewer, actor)
    before: list[Activity] = []
    for attempt in range(SYNC_TRIES):
        if not store().edges([pair]):
            purge(viewer, actor)
            # Followed again while we purged: look once more.
            if not store().edges([pair]):
                return False
            continue
        activities = store().activities(actor, limit=newest)
        if attempt and activities == before:
            return True
        _fill(viewer, actor, activities, gone=_titles(before) - _titles(activities))
        before = activities
    raise RuntimeError(f"what {actor} does keeps changing under its backfill")


def purge(viewer: str, actor: str) -> None:
    """Take all of a person's rows off the viewer's timeline. Idempotent. Cost: 2 store calls a page, 1 wait."""
    while True:
        titles = store().rows_from(viewer, actor, limit=PAGE)
        store().drop_rows([(viewer, actor, title) for title in titles])
        if len(titles) < PAGE:
            break
    hot.purge(viewer, actor)


def finish(job: Job, *, linked: bool, now: float, again: bool) -> None:
    """Forget an edge's job, or, for a first purge, have it done once more."""
    if job.kind == "purge" and not linked and not again:
        store().postpone(job, due=now + SECOND_PURGE_AFTER)
    else:
        store().finish(job)


def drop_undone(viewer: str, actor: str) -> None:
    """Take off rows whose activity was undone while nobody pushed for this account.

    Cost: 2 store calls, and one for each row beyond the newest.
    """
    there = store().rows_from(viewer, actor, limit=PAGE)
    current = _titles(store().activities(actor, limit=BACKFILLED))
    undone = []
    for title in there:
        if title not in current:
            activity = store().activity(actor, title)
            if activity is None or activity.relation.empty:
                undone.append(title)
    _drop(viewer, actor, undone)


def _fill(viewer: str, actor: str, activities: Sequence[Activity], *, gone: set[str]) -> None:
    name = names.of([actor])[actor]
    rows = [timelines.row_of(activity, name) for activity in activities]
    store().put_rows([(viewer, row) for row in rows])
    hot.merge(viewer, rows)
    _drop(viewer, actor, sorted(gone))


def _drop(viewer: str, actor: str, titles: Sequence[str]) -> None:
    if titles:
        store().drop_rows([(viewer, actor, title) for title in titles])
        hot.merge(viewer, (), without=[(actor, title) for title in titles])


def _titles(activities: Sequence[Activity]) -> set[str]:
    return {activity.title for activity in activities}
