"""Activities and their ledgers."""

from collections.abc import Mapping
from dataclasses import asdict

from google.cloud.firestore_v1 import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.rules import relations
from activity.store.firestore import calls, layout, person
from activity.store.firestore.calls import store_call
from activity.store.firestore.changes import OptimisticChange, commit_with_retry
from activity.store.firestore.jobs import save_jobs
from activity.store.firestore.layout import Snapshot
from activity.store.meter import count_documents
from activity.types import Activity, Ledger, RecordResult, Relation, StoredDocument
from core.codecs import convert, convert_readable


class Activities:
    @store_call
    def record_relation(
        self,
        uid: str,
        title: str,
        relation: Relation,
        *,
        now: float,
        due: float,
        origin: str | None = None,
        affinity_gain: Mapping[str, float] | None = None,
    ) -> RecordResult:
        count_documents(3)

        def decide(change: OptimisticChange) -> RecordResult:
            ref = layout.activity(uid, title)
            person_snapshot, snapshot = change.read(layout.person(uid), ref)
            before = person.from_snapshot(uid, person_snapshot)
            new = relations.make_unrecorded(uid, title, now=now)
            recorded = relations.record_relation(
                before,
                _from_snapshot(snapshot) or new,
                relation,
                now=now,
                due=due,
                origin=origin,
                affinity_gain=affinity_gain or {},
            )
            if recorded.changed:
                change.put(ref, to_document(recorded.activity))
                person.save_person(change, before, recorded.person)
                save_jobs(change, recorded.jobs)
            return recorded.result

        return commit_with_retry(decide)

    @store_call
    def get_activity(self, uid: str, title: str) -> Activity | None:
        count_documents(1)
        (snapshot,) = calls.read([layout.activity(uid, title)])
        return _from_snapshot(snapshot)

    @store_call
    def get_activities(self, uid: str, *, limit: int = 100) -> list[Activity]:
        # `feed_order_at` of an undone activity is null, which no number matches.
        recorded = layout.activities(uid).where(filter=FieldFilter("feed_order_at", ">=", 0))
        newest = recorded.order_by("feed_order_at", direction=Query.DESCENDING).limit(limit)
        snapshots = calls.run_query(newest)
        count_documents(len(snapshots))
        activities = [found for snapshot in snapshots if (found := _from_snapshot(snapshot)) is not None]
        return sorted(activities, key=lambda activity: (-activity.at, activity.title))

    @store_call
    def save_ledger(self, uid: str, title: str, version: int, ledger: Ledger) -> bool:
        count_documents(1)

        def decide(change: OptimisticChange) -> bool:
            ref = layout.activity(uid, title)
            (snapshot,) = change.read(ref)
            if not snapshot.exists or snapshot.get("version") != version:
                return False
            change.put(ref, {**(snapshot.to_dict() or {}), **asdict(ledger)})
            return True

        return commit_with_retry(decide)


def to_document(activity: Activity) -> StoredDocument:
    return {
        "uid": activity.uid,
        "title": activity.title,
        **asdict(activity.relation),
        "at": activity.at,
        "feed_order_at": None if activity.relation.is_empty else activity.at,
        "version": activity.version,
        "recorded_at": activity.recorded_at,
        "origin": activity.origin,
        "affinity_gain": layout.pack_map(activity.affinity_gain),
        **asdict(activity.ledger),
    }


def _from_snapshot(snapshot: Snapshot) -> Activity | None:
    return from_document(snapshot.to_dict() or {})


def from_document(document: StoredDocument) -> Activity | None:
    """Return the activity in a document, None if it is unreadable. Unknown fields are ignored."""
    return convert(
        Activity,
        {**document, "affinity_gain": layout.unpack_map(document.get("affinity_gain"))},
        relation=convert_readable(Relation, document),
        ledger=convert_readable(Ledger, document),
    )
