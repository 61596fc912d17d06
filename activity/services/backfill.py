"""Write one author's rows to a viewer's timeline after a follow, and purge them after an unfollow or a block.

Both read the follow edge as it is now. If a follow and an unfollow run concurrently, the timeline matches the later
one.
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
# A purge runs twice. A delivery that read the edge before it was removed may write as long as a task may run, so the
# delay is longer than the tasks' time limit, by the seconds that clocks may differ.
SECOND_PURGE_DELAY_SECONDS: Final = 30.0


def sync_author_rows(viewer: str, author: str, *, newest: int = BACKFILL_LIMIT) -> bool:
    """Make the viewer's rows of `author` match the follow edge, and return whether the viewer follows the author.

    Rows of activities older than the `newest` ones stay, unless the activity was undone. Idempotent. Cost: 3 store
    calls and 1-2 round trips an attempt, two attempts if nothing changes meanwhile, and 1 store call for each older
    row. Raises RuntimeError if the activities changed on every attempt.
    """
    pair = (viewer, author)
    before: Mapping[str, int] | None = None
    for _ in range(MAX_SYNC_ATTEMPTS):
        if not get_store().get_existing_edges([pair]):
            purge_author(viewer, author)
            # Read the edge again after the purge: a follow may have come between.
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
    raise RuntimeError(f"the activities of {author} changed on every attempt of a backfill")


def purge_author(viewer: str, author: str) -> None:
    """Remove all rows of an author from a viewer's timeline. Idempotent. Cost: 2 store calls a page, 1 round trip."""
    while True:
        titles = get_store().get_titles_by_author(viewer, author, limit=PAGE_SIZE)
        if titles:
            get_store().delete_timeline_rows([(viewer, author, title) for title in titles])
        if len(titles) < PAGE_SIZE:
            break
    timeline_cache.remove_author(viewer, author)


def finish_edge_job(job: Job, *, is_following: bool, now: float, is_second_run: bool) -> None:
    """Finish a backfill or purge job. The first run of a purge is postponed instead, so that it runs again."""
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
    """Remove rows of activities that were undone without a delivery to this viewer.

    Causes are a killed delivery, an inactive viewer, and pull delivery.
    """
    undone = []
    for title in get_store().get_titles_by_author(viewer, author, limit=PAGE_SIZE):
        if title not in current:
            activity = get_store().get_activity(author, title)
            if activity is None or activity.relation.is_empty:
                undone.append(title)
    if undone:
        get_store().delete_timeline_rows([(viewer, author, title) for title in undone])
        timeline_cache.update_rows(viewer, (), remove=[(author, title) for title in undone])
