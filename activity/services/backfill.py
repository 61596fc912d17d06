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


def sync_author_rows(viewer: str, author: str, *, newest: int = BACKFILL_LIMIT) -> bool:
    """Bring the viewer's rows of `author` in line with the edge between them; whether there is one.

    Rows that are there already and older than the `newest` activities stay unless they were undone.
    Idempotent. Cost: 3 store calls and 1-2 waits a look, two looks if nothing moves meanwhile, and a call for
    each older row. Raises RuntimeError if nothing holds still.
    """
    pair = (viewer, author)
    before: Mapping[str, int] | None = None
    for _ in range(MAX_SYNC_ATTEMPTS):
        if not get_store().get_existing_edges([pair]):
            purge_author(viewer, author)
            # Followed again while we purged: begin anew.
            if not get_store().get_existing_edges([pair]):
                return False
            before = None
            continue
        activities = get_store().get_activities(author, limit=newest)
        versions = {activity.title: activity.version for activity in activities}
        if versions == before:
            return True
        _write_rows(viewer, author, activities)
        _remove_undone(viewer, author, current=versions)
        before = versions
    raise RuntimeError(f"what {author} does keeps changing under its backfill")


def purge_author(viewer: str, author: str) -> None:
    """Take all of a person's rows off the viewer's timeline. Idempotent. Cost: 2 store calls a page, 1 wait."""
    while True:
        titles = get_store().get_titles_by_author(viewer, author, limit=PAGE_SIZE)
        if titles:
            get_store().delete_timeline_rows([(viewer, author, title) for title in titles])
        if len(titles) < PAGE_SIZE:
            break
    timeline_cache.remove_author(viewer, author)


def finish_edge_job(job: Job, *, is_following: bool, now: float, is_second_run: bool) -> None:
    """Forget an edge's job, or, for a first purge, have it done once more."""
    if job.kind == "purge" and not is_following and not is_second_run:
        get_store().postpone_job(job, due=now + SECOND_PURGE_DELAY_SECONDS)
    else:
        get_store().finish_job(job)


def _write_rows(viewer: str, author: str, activities: Sequence[Activity]) -> None:
    if activities:
        name = names.get_names([author])[author]
        rows = [timelines.make_row(activity, name) for activity in activities]
        get_store().put_timeline_rows([(viewer, row) for row in rows])
        timeline_cache.update_rows(viewer, rows)


def _remove_undone(viewer: str, author: str, *, current: Mapping[str, int]) -> None:
    """Take off rows whose activity was undone while nobody was told: killed half-way, idle, not pushed."""
    undone = []
    for title in get_store().get_titles_by_author(viewer, author, limit=PAGE_SIZE):
        if title not in current:
            activity = get_store().get_activity(author, title)
            if activity is None or activity.relation.is_empty:
                undone.append(title)
    if undone:
        get_store().delete_timeline_rows([(viewer, author, title) for title in undone])
        timeline_cache.update_rows(viewer, (), without=[(author, title) for title in undone])
