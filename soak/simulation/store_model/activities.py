"""Activities and their ledgers."""

from collections.abc import Mapping
from dataclasses import replace

from activity.rules import relations
from activity.store.meter import count_documents
from activity.types import Activity, Ledger, RecordResult, Relation
from soak.simulation.store_model.state import State, store_call


class Activities(State):
    @store_call(3)
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
        before = self.activities.get((uid, title)) or relations.make_unrecorded(uid, title, now=now)
        change = relations.record_relation(
            self.ensure_person(uid),
            before,
            relation,
            now=now,
            due=due,
            origin=origin,
            affinity_gain=affinity_gain or {},
        )
        if change.changed:
            self.activities[uid, title] = change.activity
            self.save_jobs(change.jobs)
            self.people[uid] = change.person
        return change.result

    @store_call(1)
    def get_activity(self, uid: str, title: str) -> Activity | None:
        return self.activities.get((uid, title))

    @store_call()
    def get_activities(self, uid: str, *, limit: int = 100) -> list[Activity]:
        own = [a for a in self.activities.values() if a.uid == uid and not a.relation.is_empty]
        found = sorted(own, key=lambda activity: (-activity.at, activity.title))[:limit]
        count_documents(len(found))
        return found

    @store_call(1)
    def save_ledger(self, uid: str, title: str, version: int, ledger: Ledger) -> bool:
        activity = self.activities.get((uid, title))
        if activity is None or activity.version != version:
            return False
        self.activities[uid, title] = replace(activity, ledger=ledger)
        return True
