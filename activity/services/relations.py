"""Record relations of people to titles."""

from typing import Final

from activity import dispatch
from activity.services import affinity_gains, profiles, rebuilds
from activity.store import get_store
from activity.types import RecordResult, Relation

JOB_DUE_SECONDS: Final = 20.0

# What a relation adds to the affinities of the title's genres; the largest applies. A low rating subtracts nothing: the
# title may be a bad one of a genre that the person likes.
RATING_WEIGHTS: Final = {5: 1.0, 4: 0.75, 3: 0.25}
FAVORITE_WEIGHT: Final = 1.0


def set_relation(uid: str, title: str, relation: Relation, *, source: str | None, now: float) -> RecordResult:
    """Set a person's whole relation to a title. Repeating it changes and delivers nothing.

    Cost: 2 round trips for the genres of a liked title, 1 store call, 1 round trip, and for a change 1 message.
    Raises StoreUnavailable; nothing is stored then.
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
