"""What people did to titles."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from google.cloud.firestore_v1 import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.store import taste
from activity.store.firestore import calls, layout, person
from activity.store.firestore.calls import call
from activity.store.firestore.changes import Change, settle
from activity.store.firestore.jobs import leave_job
from activity.store.firestore.layout import Snapshot
from activity.store.firestore.person import Person
from activity.store.meter import note_documents
from activity.types import FINISHED_KEPT, Activity, Document, Ledger, Recorded, Relation


class Activities:
    @call
    def record(
        self,
        uid: str,
        title: str,
        relation: Relation,
        *,
        now: float,
        due: float,
        source: str | None = None,
        liking: Mapping[str, float] | None = None,
    ) -> Recorded:
        note_documents(3)
        deed = _Deed(relation, now, source, liking or {})

        def decide(change: Change) -> Recorded:
            ref = layout.activity(uid, title)
            somebody, there = change.read(layout.person(uid), ref)
            before = person.of(uid, somebody)
            old = _activity(there) if there.exists else Activity(uid, title, Relation(), int(now), 0)
            if relation == old.relation:
                return Recorded(old, before.profile, changed=False)
            new = deed.upon(old)
            change.put(ref, _document(new))
            after = person.save(change, before, _lived(before, old, new))
            leave_job(change, "deliver", uid, title, version=new.version, due=due)
            return Recorded(new, after.profile, changed=True)

        return settle(decide)

    @call
    def activity(self, uid: str, title: str) -> Activity | None:
        note_documents(1)
        (there,) = calls.read([layout.activity(uid, title)])
        return _activity(there) if there.exists else None

    @call
    def activities(self, uid: str, *, limit: int = 100) -> list[Activity]:
        # `newest` of an undone one is null, and null is no number.
        live = layout.activities(uid).where(filter=FieldFilter("newest", ">=", 0))
        newest = live.order_by("newest", direction=Query.DESCENDING).limit(limit)
        found = [_activity(there) for there in calls.find(newest)]
        note_documents(len(found))
        return sorted(found, key=lambda activity: (-activity.at, activity.title))

    @call
    def keep_ledger(self, uid: str, title: str, version: int, ledger: Ledger) -> bool:
        note_documents(1)

        def decide(change: Change) -> bool:
            ref = layout.activity(uid, title)
            (there,) = change.read(ref)
            if not there.exists or there.get("version") != version:
                return False
            change.put(ref, {**(there.to_dict() or {}), **asdict(ledger)})
            return True

        return settle(decide)


@dataclass(frozen=True, slots=True)
class _Deed:
    """What somebody says of a title now."""

    relation: Relation
    now: float
    source: str | None
    liking: Mapping[str, float]

    def upon(self, old: Activity) -> Activity:
        """The activity with this said of it: a rating alone does not move it in time."""
        said, before = self.relation, old.relation
        rated_only = (said.status, said.favorite) == (before.status, before.favorite)
        moves = not rated_only or before.empty or said.empty
        return Activity(
            uid=old.uid,
            title=old.title,
            relation=said,
            at=int(self.now) if moves else old.at,
            version=old.version + 1,
            recorded_at=self.now,
            source=self.source,
            liking=dict(self.liking),
        )


def _lived(before: Person, old: Activity, new: Activity) -> Person:
    """The person with what the deed says of them."""
    return replace(
        before,
        likings=taste.corrected(before.likings, minus=old.liking, plus=new.liking),
        finished=_edited(before.finished, new.title, present=new.relation.status == "finished"),
        active_at=max(before.active_at, int(new.recorded_at)),
    )


def _edited(titles: tuple[str, ...], title: str, *, present: bool) -> tuple[str, ...]:
    """Newest last; beyond the cap the oldest give way."""
    if present == (title in titles):
        return titles
    rest = tuple(t for t in titles if t != title)
    return (*rest, title)[-FINISHED_KEPT:] if present else rest


def _document(activity: Activity) -> Document:
    return {
        "uid": activity.uid,
        "title": activity.title,
        **asdict(activity.relation),
        "at": activity.at,
        "newest": None if activity.relation.empty else activity.at,
        "version": activity.version,
        "recorded_at": activity.recorded_at,
        "source": activity.source,
        "liking": layout.packed(activity.liking),
        **asdict(activity.ledger),
    }


def _activity(there: Snapshot) -> Activity:
    f = there.to_dict() or {}
    return Activity(
        uid=f["uid"],
        title=f["title"],
        relation=Relation(f["status"], f["favorite"], f["rating"]),
        at=f["at"],
        version=f["version"],
        recorded_at=f["recorded_at"],
        source=f["source"],
        liking=layout.unpacked(f["liking"]),
        ledger=Ledger(f["followers"], f["delivered"], f["cursor"], f["first_at"], f["last_at"]),
    )
