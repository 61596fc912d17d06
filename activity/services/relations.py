"""What a person did to a title."""

from typing import Final

from activity import dispatch
from activity.services import affinity_gains, profiles, rebuilds
from activity.store import get_store
from activity.types import RecordResult, Relation

JOB_DUE_SECONDS: Final = 20.0

# What a deed adds to a title's genres; the strongest counts. A low rating takes nothing away: it may be
# of one film in a genre that they love.
RATING_WEIGHTS: Final = {5: 1.0, 4: 0.75, 3: 0.25}
FAVORITE_WEIGHT: Final = 1.0


def set_relation(uid: str, title: str, relation: Relation, *, source: str | None, now: float) -> RecordResult:
    """State somebody's whole relation to a title; a repeat changes and delivers nothing.

    Cost: genres of a title that is liked 2 waits, 1 store call, 1 wait, and for a change one message to the workers.
    Raises StoreUnavailable, and then nothing was kept.
    """
    weight = max(RATING_WEIGHTS.get(relation.rating or 0, 0.0), FAVORITE_WEIGHT if relation.favorite else 0.0)
    recorded = get_store().record_relation(
        uid,
        title,
        relation,
        now=now,
        due=now + JOB_DUE_SECONDS,
        origin=source,
        affinity_gain=affinity_gains.get_affinity_gain([title], weight=weight),
    )
    if recorded.changed:
        profiles.cache_profile(recorded.profile)
        dispatch.queue_after_commit("deliver", uid, title, recorded.activity.version)
    rebuilds.touch_viewer(recorded.profile, now=now)
    return recorded
