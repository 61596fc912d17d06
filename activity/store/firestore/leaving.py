"""All that is kept of a person: to hand over, to delete, to look for."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from google.cloud import firestore
from google.cloud.firestore_v1 import DocumentReference, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.store.firestore import calls, layout
from activity.store.firestore.calls import Write, call, long_call
from activity.store.firestore.changes import Change, settle
from activity.store.firestore.follows import followers_of, following_of
from activity.store.firestore.layout import Snapshot
from activity.store.meter import note_documents
from activity.types import Document

_BATCH: Final = 500
_EDGES_AT_ONCE: Final = 100
_LISTS: Final = ("blocked", "blocked_by", "pulled")


class Leaving:
    def export(self, uid: str) -> Iterator[tuple[str, Document]]:
        for name, query in [*_theirs(uid), ("follows", followers_of(uid))]:
            last: Snapshot | None = None
            while page := self._page(query, last):
                yield from ((name, _readable(there)) for there in page)
                last = page[-1]
                if len(page) < _BATCH:
                    break
        yield from ((there.reference.parent.id, _readable(there)) for there in self._own(uid))

    @long_call
    def erase(self, uid: str, *, limit: int = _BATCH) -> int:
        erased = 0
        for _, query in _theirs(uid):
            gone = [there.reference for there in calls.find(query.limit(limit - erased))]
            calls.bulk(Write("delete", ref) for ref in gone)
            erased += len(gone)
            if erased >= limit:
                break
        for step in (_unfollowed, _struck):
            if erased < limit:
                erased += step(uid, limit - erased)
        if erased < limit:
            erased += _forgotten(uid)
        note_documents(erased)
        return erased

    @long_call
    def traces(self, uid: str) -> dict[str, int]:
        counts = {there.reference.parent.id: int(there.exists) for there in calls.read(_single(uid))}
        for name, query in [*_theirs(uid), ("follows", followers_of(uid))]:
            counts[name] = counts.get(name, 0) + calls.count(query)
        counts["lists"] = sum(calls.count(_naming(field, uid)) for field in _LISTS)
        note_documents(sum(counts.values()))
        return {name: number for name, number in counts.items() if number}

    @call
    def _page(self, query: Query, last: Snapshot | None) -> list[Snapshot]:
        page = calls.find((query.start_after(last) if last else query).limit(_BATCH))
        note_documents(len(page))
        return page

    @call
    def _own(self, uid: str) -> list[Snapshot]:
        there = [snapshot for snapshot in calls.read(_single(uid)) if snapshot.exists]
        note_documents(len(there))
        return there


def _theirs(uid: str) -> list[tuple[str, Query]]:
    """(collection, documents of or about the person that nobody else's document counts)."""
    return [
        ("activities", Query(layout.activities(uid))),
        ("timelines", Query(layout.rows(uid))),
        ("timelines", layout.all_rows().where(filter=FieldFilter("actor", "==", uid))),
        ("jobs", layout.jobs().where(filter=FieldFilter("people", "array_contains", uid))),
        ("follows", following_of(uid)),
    ]


def _single(uid: str) -> list[DocumentReference]:
    return [layout.seen(uid), layout.preferences(uid), layout.person(uid)]


def _naming(field: str, uid: str) -> Query:
    return layout.people().where(filter=FieldFilter(field, "array_contains", uid))


def _unfollowed(uid: str, limit: int) -> int:
    """Edges to the person, each together with its follower's count and list of pulled accounts."""
    less = {
        "following": firestore.Increment(-1),
        "pulled": firestore.ArrayRemove([uid]),
        "version": firestore.Increment(1),
    }
    done = 0

    def decide(change: Change) -> int:
        edges = calls.find(followers_of(uid).limit(min(limit - done, _EDGES_AT_ONCE)))
        refs = [layout.person(edge.get("follower")) for edge in edges]
        for edge, follower in zip(edges, calls.read(refs, fields=["uid"]), strict=True):
            change.drop(edge)
            if follower.exists:
                change.add(follower.reference, less)
        return len(edges)

    while done < limit and (gone := settle(decide)):
        done += gone
    return done


def _struck(uid: str, limit: int) -> int:
    """Their name in the lists of others."""
    edited: Document = {name: firestore.ArrayRemove([uid]) for name in _LISTS}
    edited |= {"version": firestore.Increment(1), "choice_version": firestore.Increment(1)}
    found = [there for name in _LISTS for there in calls.find(_naming(name, uid).limit(limit))]
    others = {there.reference.path: there.reference for there in found}
    calls.bulk(Write("update", ref, edited) for ref in others.values())
    return len(others)


def _forgotten(uid: str) -> int:
    there = [snapshot.reference for snapshot in calls.read(_single(uid)) if snapshot.exists]
    calls.bulk(Write("delete", ref) for ref in there)
    return len(there)


def _readable(there: Snapshot) -> Document:
    """A document as JSON can say it: what was packed is unpacked."""
    fields: dict[str, Any] = there.to_dict() or {}
    return {key: orjson.loads(value) if isinstance(value, bytes) else value for key, value in fields.items()}
