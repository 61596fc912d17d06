"""Making a viewer's timeline hold what one followee did: backfill on follow, purge on unfollow and block.

Both look at the edge as it is now, so a follow and an unfollow that race end in what came last.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from activity import timeline_cache
from activity.services import names, timelines
from activity.store import get_store
from activity.types import Activity, Job

BACKFILL_LIMIT: Final = 100  # newest activities that a new follower gets
PAGE_SIZE: Final = 500
MAX_SYNC_ATTEMPTS: Final = 5
# A purge runs twice: a delivery that had read the edge before it went may still write, for as long as a
# chunk may run.
SECOND_PURGE_DELAY_SECONDS: Final = 25.0


def sync_author_rows(viewer: str, actor: str, *, newest: int = BACKFILL_LIMIT) -> bool:
    """Bring the viewer's rows of `actor` in line with the edge between them; whether there is one.

    Rows that are there already and older than the `newest` activities stay unless they were undone.
    Idempotent. Cost: 3 store calls and 1-2 waits a look, two looks if nothing moves meanwhile, and a call for
    each older row. Raises RuntimeError if nothing holds still.
    """
    pair = (viewer, actor)
    before: Mapping[str, int] | None = None
    for _ in range(MAX_SYNC_ATTEMPTS):
        if not get_store().edges([pair]):
            purge_author(viewer, actor)
            # Followed again while we purged: begin anew.
            if not get_store().edges([pair]):
                return False
            before = None
            continue
        activities = get_store().activities(actor, limit=newest)
        versions = {activity.title: activity.version for activity in activities}
        if versions == before:
            return True
        _write_rows(viewer, actor, activities)
        _remove_undone(viewer, actor, current=versions)
        before = versions
    raise RuntimeError(f"what {actor} does keeps changing under its backfill")


def purge_author(viewer: str, actor: str) -> None:
    """Take all of a person's rows off the viewer's timeline. Idempotent. Cost: 2 store calls a page, 1 wait."""
    while True:
        titles = get_store().rows_from(viewer, actor, limit=PAGE_SIZE)
        if titles:
            get_store().drop_rows([(viewer, actor, title) for title in titles])
        if len(titles) < PAGE_SIZE:
            break
    timeline_cache.remove_author(viewer, actor)


def finish_edge_job(job: Job, *, is_following: bool, now: float, is_second_run: bool) -> None:
    """Forget an edge's job, or, for a first purge, have it done once more."""
    if job.kind == "purge" and not is_following and not is_second_run:
        get_store().postpone(job, due=now + SECOND_PURGE_DELAY_SECONDS)
    else:
        get_store().finish(job)


def _write_rows(viewer: str, actor: str, activities: Sequence[Activity]) -> None:
    if activities:
        name = names.get_names([actor])[actor]
        rows = [timelines.make_row(activity, name) for activity in activities]
        get_store().put_rows([(viewer, row) for row in rows])
        timeline_cache.update_rows(viewer, rows)


def _remove_undone(viewer: str, actor: str, *, current: Mapping[str, int]) -> None:
    """Take off rows whose activity was undone while nobody was told: killed half-way, idle, not pushed."""
    undone = []
    for title in get_store().rows_from(viewer, actor, limit=PAGE_SIZE):
        if title not in current:
            activity = get_store().activity(actor, title)
            if activity is None or activity.relation.empty:
                undone.append(title)
    if undone:
        get_store().drop_rows([(viewer, actor, title) for title in undone])
        timeline_cache.update_rows(viewer, (), without=[(actor, title) for title in undone])
