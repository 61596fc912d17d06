"""Record relations of people to titles."""

from typing import Final

from activity import dispatch, undone
from activity.rules.ledgers import is_unstarted
from activity.rules.relations import get_affinity_weight
from activity.services import affinity_gains, profiles, rebuilds
from activity.store import get_store
from activity.types import RecordResult, Relation

# If its message or worker is lost, a sweep (every 5 s) queues the job in time for followers to see it within 10 s.
JOB_DUE_SECONDS: Final = 4.0


def set_relation(uid: str, title: str, relation: Relation, *, source: str | None, now: float) -> RecordResult:
    """Set a person's whole relation to a title. Repeating it changes and delivers nothing.

    When this returns, no later plan shows what was undone. A change whose request was cut off is queued by the repeat.
    Cost: 2 round trips for the genres of a liked title, 1 store call, 1 round trip, for a change 1 message, and for an
    undo 1 round trip. Raises StoreUnavailable; nothing is stored then.
    """
    weight = get_affinity_weight(relation)
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
    if relation.is_empty and recorded.activity.version:
        undone.add(recorded.activity)
    if recorded.changed or is_unstarted(recorded.activity):
        dispatch.queue_after_commit("deliver", uid, title, recorded.activity.version)
    rebuilds.touch_viewer(recorded.profile, now=now)
    return recorded
