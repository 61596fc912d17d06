"""Export, erasure and the check for references."""

from collections.abc import Iterator
from typing import Final

from google.cloud import firestore
from google.cloud.firestore_v1 import DocumentReference, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.rules import erasure
from activity.store.firestore import calls, layout, person
from activity.store.firestore.calls import Write, bulk_store_call, store_call
from activity.store.firestore.changes import OptimisticChange, commit_with_retry
from activity.store.firestore.follows import query_followers, query_following
from activity.store.firestore.layout import Snapshot
from activity.store.meter import count_documents
from activity.types import StoredDocument
from core.codecs import load_json

_PAGE_SIZE: Final = 500
_EDGES_PER_CHANGE: Final = 100
_LISTS: Final = tuple(person.document_name(field) for field in erasure.UID_LISTS)


class Privacy:
    def export(self, uid: str) -> Iterator[tuple[str, StoredDocument]]:
        for name, query in [*_collections_of(uid), ("follows", query_followers(uid))]:
            last: Snapshot | None = None
            while page := self._get_page(query, last):
                yield from ((name, _to_readable(snapshot)) for snapshot in page)
                last = page[-1]
                if len(page) < _PAGE_SIZE:
                    break
        for snapshot in self._get_own_documents(uid):
            yield snapshot.reference.parent.id, _to_readable(snapshot)

    @bulk_store_call
    def erase(self, uid: str, *, limit: int = _PAGE_SIZE) -> int:
        erased = 0
        for _, query in _collections_of(uid):
            refs = [snapshot.reference for snapshot in calls.run_query(query.limit(limit - erased))]
            calls.write_bulk(Write("delete", ref) for ref in refs)
            erased += len(refs)
            if erased >= limit:
                break
        for step in (_delete_edges_to, _remove_from_lists, _clear_cursors):
            if erased < limit:
                erased += step(uid, limit - erased)
        if erased < limit:
            erased += _delete_own_documents(uid)
        count_documents(erased)
        return erased

    @bulk_store_call
    def count_references(self, uid: str) -> dict[str, int]:
        own = calls.read(_own_refs(uid))
        counts = {snapshot.reference.parent.id: int(snapshot.exists) for snapshot in own}
        for name, query in [*_collections_of(uid), ("follows", query_followers(uid))]:
            counts[name] = counts.get(name, 0) + calls.count_matches(query)
        counts["lists"] = sum(calls.count_matches(_query_people_listing(name, uid)) for name in _LISTS)
        counts["cursors"] = calls.count_matches(_query_cursors(uid))
        count_documents(sum(counts.values()))
        return {name: number for name, number in counts.items() if number}

    @store_call
    def _get_page(self, query: Query, last: Snapshot | None) -> list[Snapshot]:
        page = calls.run_query((query.start_after(last) if last else query).limit(_PAGE_SIZE))
        count_documents(len(page))
        return page

    @store_call
    def _get_own_documents(self, uid: str) -> list[Snapshot]:
        snapshots = [snapshot for snapshot in calls.read(_own_refs(uid)) if snapshot.exists]
        count_documents(len(snapshots))
        return snapshots


def _collections_of(uid: str) -> list[tuple[str, Query]]:
    """Return (collection, query) of documents of or about the person whose deletion changes no other document."""
    return [
        ("activities", Query(layout.activities(uid))),
        ("timelines", Query(layout.rows(uid))),
        ("timelines", layout.all_rows().where(filter=FieldFilter("actor", "==", uid))),
        ("jobs", layout.jobs().where(filter=FieldFilter("people", "array_contains", uid))),
        ("follows", query_following(uid)),
    ]


def _own_refs(uid: str) -> list[DocumentReference]:
    return [layout.seen(uid), layout.preferences(uid), layout.person(uid)]


def _query_people_listing(name: str, uid: str) -> Query:
    return layout.people().where(filter=FieldFilter(name, "array_contains", uid))


def _query_cursors(uid: str) -> Query:
    return layout.all_activities().where(filter=FieldFilter("cursor", "==", uid))


def _delete_edges_to(uid: str, limit: int) -> int:
    """Delete follow edges to the person, each together with the change of its follower.

    The transforms have the effect of `erasure.remove_followee`.
    """
    transforms = {
        person.document_name("following_count"): firestore.Increment(-1),
        person.document_name("pull_list"): firestore.ArrayRemove([uid]),
        "version": firestore.Increment(1),
    }
    deleted = 0

    def decide(change: OptimisticChange) -> int:
        edges = calls.run_query(query_followers(uid).limit(min(limit - deleted, _EDGES_PER_CHANGE)))
        refs = [layout.person(edge.get("follower")) for edge in edges]
        for edge, follower in zip(edges, calls.read(refs, fields=["uid"]), strict=True):
            change.delete(edge)
            if follower.exists:
                change.transform(follower.reference, transforms)
        return len(edges)

    while deleted < limit and (number := commit_with_retry(decide)):
        deleted += number
    return deleted


def _remove_from_lists(uid: str, limit: int) -> int:
    """Remove the person's uid from the lists of others, as `erasure.remove_from_lists` does, by transforms."""
    transforms: StoredDocument = {name: firestore.ArrayRemove([uid]) for name in _LISTS}
    transforms |= {"version": firestore.Increment(1), "choice_version": firestore.Increment(1)}
    queries = [_query_people_listing(name, uid).limit(limit) for name in _LISTS]
    found = [snapshot.reference for query in queries for snapshot in calls.run_query(query)]
    others = {ref.path: ref for ref in found}
    calls.write_bulk(Write("update", ref, transforms) for ref in others.values())
    return len(others)


def _clear_cursors(uid: str, limit: int) -> int:
    """Clear the cursors of deliveries that name the person. A delivery that moved on meanwhile only starts again."""
    refs = [snapshot.reference for snapshot in calls.run_query(_query_cursors(uid).limit(limit))]
    calls.write_bulk(Write("update", ref, {"cursor": ""}) for ref in refs)
    return len(refs)


def _delete_own_documents(uid: str) -> int:
    refs = [snapshot.reference for snapshot in calls.read(_own_refs(uid)) if snapshot.exists]
    calls.write_bulk(Write("delete", ref) for ref in refs)
    return len(refs)


def _to_readable(snapshot: Snapshot) -> StoredDocument:
    """Return a document that JSON can represent: packed maps are unpacked, unreadable ones are None."""
    document = snapshot.to_dict() or {}
    return {key: load_json(value) if isinstance(value, bytes) else value for key, value in document.items()}
