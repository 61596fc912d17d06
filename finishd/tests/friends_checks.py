"""Compare the timelines of the application with those of the model."""

from collections.abc import Iterable, Mapping
from typing import Any

from activity import timeline_cache
from activity.services import profiles, timelines
from activity.store import get_store
from activity.types import Profile
from core.redis.client import state_redis
from core.redis.reads import Reads
from feed import recipe
from feed.recall import get_pool
from feed.sources import FOLLOWING, FRIENDS, Source
from feed.sources.base import RecallRequest
from finishd.testing.expected import ExpectedActivity, ExpectedTimelines, Pair
from finishd.testing.inspection import cached_rows, read_timeline, reloaded_rows, rows_by_author_and_title


def check_timelines(
    model: ExpectedTimelines, films: Mapping[str, str], uids: Iterable[str], *, now: int
) -> None:
    """Compare the profile, the stored and cached rows, and the pools of each viewer with the model."""
    for uid in uids:
        profile = profiles.get(uid)
        assert profile == (get_store().get_profile(uid) or Profile(uid)), uid
        assert profile.following_count == sum(1 for follower, _ in model.follows if follower == uid)
        expected = model.timeline(uid)
        pushed = {pair: activity for pair, activity in expected.items() if pair[0] not in profile.pull_list}
        _check_rows(uid, profile, pushed)
        _check_entries(model, films, profile, len(pushed), now=now)


def _check_rows(uid: str, profile: Profile, pushed: dict[Pair, ExpectedActivity]) -> None:
    """Check the cached rows, the durable rows, and the cached rows after a reload."""
    stored = get_store().get_timeline(uid, limit=5_000)
    durable = rows_by_author_and_title([row for row in stored if row.author not in profile.pull_list])
    newest = sorted(pushed.items(), key=lambda row: (-row[1][0], row[0]))
    for rows in (cached_rows(uid), reloaded_rows(uid)):
        if rows is not None:
            by_pair = rows_by_author_and_title(rows)
            _check_cached({k: v for k, v in by_pair.items() if k[0] not in profile.pull_list}, pushed)
    assert durable.items() <= pushed.items(), (uid, durable.items() - pushed.items())
    if len(pushed) > timeline_cache.MAX_DURABLE_ROWS:
        limit = timelines.LOAD_LIMIT
        assert list(durable.items())[:limit] == newest[:limit], uid
    else:
        assert list(durable.items()) == newest, (uid, pushed.items() ^ durable.items())


def _check_entries(
    model: ExpectedTimelines, films: Mapping[str, str], profile: Profile, pushed_count: int, *, now: int
) -> None:
    """Check the timeline entries and the pools of the sources, unless a limit was reached."""
    if pushed_count >= timelines.LOAD_LIMIT or len(profile.pull_list) > 20:
        return
    uid, expected, activities = profile.uid, model.entries(profile.uid), model.timeline(profile.uid)
    entries = read_timeline(profile)
    assert [(e.title, [row.author for row in e.supporters]) for e in entries] == expected, uid
    shown = [(title, authors) for title, authors in expected if title in model.published]
    assert [
        (candidate.id, [friend["uid"] for friend in candidate.social_fields["friends"]])
        for candidate in _get_candidates(profile, FOLLOWING, now=now)
    ] == [(films[title], authors[:20]) for title, authors in shown], uid
    recommended = {
        films[title]
        for title, authors in shown
        if any(_recommends(activities[author, title]) for author in authors)
    }
    assert {candidate.id for candidate in _get_candidates(profile, FRIENDS, now=now)} == recommended, uid


def _get_candidates(profile: Profile, source: Source, *, now: int) -> Any:
    reads = Reads(state_redis())
    pending = reads.add(source.read(RecallRequest(profile, None, 0, now)))
    reads.execute()
    pool = get_pool(source, pending)
    assert pool.error is None
    return pool.candidates


def _check_cached(rows: dict[Pair, ExpectedActivity], expected: dict[Pair, ExpectedActivity]) -> None:
    """Check that all rows are expected, and that none newer than the oldest row is missing."""
    assert rows.items() <= expected.items(), rows.items() - expected.items()
    assert len(rows) <= timeline_cache.MAX_ROWS
    oldest = min((at for at, *_ in rows.values()), default=0)
    missing = {pair for pair, (at, *_) in expected.items() if at > oldest} - rows.keys()
    assert not missing if rows else not expected, missing


def _recommends(activity: ExpectedActivity) -> bool:
    _, status, favorite, rating = activity
    if rating is not None and rating <= recipe.MAX_LOW_RATING:
        return favorite
    return favorite or rating is not None or status is not None
