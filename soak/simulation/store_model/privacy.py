"""Export, erasure and the count of references."""

from collections.abc import Iterator, MutableMapping
from dataclasses import asdict, replace
from typing import Any

from activity.rules import erasure
from activity.store.meter import count_documents
from activity.types import StoredDocument
from soak.simulation.store_model.state import State, store_call


class Privacy(State):
    def export(self, uid: str) -> Iterator[tuple[str, StoredDocument]]:
        for name, documents in self._find_documents(uid).items():
            yield from ((name, document) for document in documents)

    @store_call()
    def erase(self, uid: str, *, limit: int = 500) -> int:
        erased = 0
        for names in self._find_keys(uid):
            for table, key in names[: limit - erased]:
                erased += self._erase_one(table, key, uid)
        if erased < limit:
            erased += self._clear_cursors(uid, limit - erased)
        count_documents(erased)
        return erased

    @store_call()
    def count_references(self, uid: str) -> dict[str, int]:
        counts = {name: len(documents) for name, documents in self._find_documents(uid).items()}
        counts["cursors"] = sum(a.ledger.cursor == uid for a in self.activities.values())
        counts["lists"] = sum(
            any(uid in getattr(person, name) for name in erasure.UID_LISTS) for person in self.people.values()
        )
        count_documents(sum(counts.values()))
        return {name: number for name, number in counts.items() if number}

    def _find_documents(self, uid: str) -> dict[str, list[StoredDocument]]:
        person = self.people.get(uid)
        return {
            "activities": [asdict(a) for a in self.activities.values() if a.uid == uid],
            "timelines": [
                {"viewer": viewer, **asdict(row)}
                for viewer, rows in self.timelines.items()
                for row in rows.values()
                if uid in (viewer, row.author)
            ],
            "jobs": [asdict(job) for job in self.jobs.values() if uid in (job.subject, job.target)],
            "seen": [{"uid": uid, "items": self.seen[uid]}] if uid in self.seen else [],
            "follows": [
                {"follower": follower, "followee": followee, "at": at}
                for (follower, followee), at in self.follows.items()
                if uid in (follower, followee)
            ],
            "people": [{**asdict(person), "preferences": self.preferences.get(uid)}] if person else [],
        }

    def _find_keys(self, uid: str) -> Iterator[list[tuple[MutableMapping[Any, Any], Any]]]:
        """Yield the keys to erase by table. The person is last, when no edge is left: their lists are needed."""
        yield [(self.activities, key) for key in self.activities if key[0] == uid]
        for viewer, rows in self.timelines.items():
            yield [(rows, key) for key in rows if uid in (viewer, key[0])]
        yield [(self.jobs, key) for key in self.jobs if uid in key[1:]]
        yield [(self.seen, uid)] if uid in self.seen else []
        yield [(self.follows, key) for key in self.follows if uid in key]
        has_edges = any(uid in edge for edge in self.follows)
        yield [(self.people, uid)] if uid in self.people and not has_edges else []

    def _erase_one(self, table: MutableMapping[Any, Any], key: Any, uid: str) -> int:
        if table is self.follows and key[1] == uid:
            self.people[key[0]] = erasure.remove_followee(self.ensure_person(key[0]), uid)
        elif table is self.people:
            person = self.people[uid]
            for other in {*person.blocked, *person.blocked_by} - {uid}:
                self.people[other] = erasure.remove_from_lists(self.ensure_person(other), uid)
            self.preferences.pop(uid, None)
        del table[key]
        return 1

    def _clear_cursors(self, uid: str, limit: int) -> int:
        named = [key for key, activity in self.activities.items() if activity.ledger.cursor == uid]
        for key in named[:limit]:
            activity = self.activities[key]
            self.activities[key] = replace(activity, ledger=replace(activity.ledger, cursor=""))
        return len(named[:limit])
