"""Optimistic changes: read, decide, write. The writes apply only if nothing that was read has changed meanwhile.

Firestore's own transactions lock what they read and need another request, and the emulator takes many seconds to
resolve contended ones. Preconditions need no locks; every one that fails means that another change went through; and
a commit whose response was lost is recognised when it is repeated.
"""

from collections.abc import Callable, Container
from typing import TypeVar

from google.cloud.firestore_v1 import DocumentReference

from activity.store.firestore import calls
from activity.store.firestore.client import get_client
from activity.store.firestore.layout import Snapshot
from activity.types import StoredDocument

R = TypeVar("R")


class OptimisticChange:
    """The documents that one attempt of a change read, and its writes."""

    def __init__(self) -> None:
        self._batch = get_client().batch()
        self._read: dict[str, Snapshot] = {}

    def read(self, *refs: DocumentReference) -> list[Snapshot]:
        """Read all documents at one moment. 1 RPC."""
        snapshots = calls.read(refs)
        self._read.update({snapshot.reference.path: snapshot for snapshot in snapshots})
        return snapshots

    def put(self, ref: DocumentReference, data: StoredDocument, *, keep: Container[str] = ()) -> None:
        """Let a document that was read hold `data`, which names all fields. Only fields that differ are written.

        In a document that exists, the fields in `keep` stay as they are: this version may not be able to read them.
        """
        snapshot = self._read[ref.path]
        if not snapshot.exists:
            self._batch.create(ref, data)
            return
        before = snapshot.to_dict() or {}
        differing = {
            key: value
            for key, value in data.items()
            if key not in keep and (key not in before or before[key] != value)
        }
        if differing:
            option = get_client().write_option(last_update_time=snapshot.update_time)
            self._batch.update(ref, differing, option=option)

    def overwrite(self, ref: DocumentReference, data: StoredDocument) -> None:
        """Let a document hold `data`, whatever it held before."""
        self._batch.set(ref, data)

    def transform(self, ref: DocumentReference, fields: StoredDocument) -> None:
        """Update fields of an existing document by transforms that do not depend on what was read."""
        self._batch.update(ref, fields)

    def delete(self, snapshot: Snapshot) -> None:
        """Delete a document if it is still as it was read."""
        option = get_client().write_option(last_update_time=snapshot.update_time)
        self._batch.delete(snapshot.reference, option=option)

    def commit(self) -> None:
        """Apply the writes. Raises Conflict. 1 RPC, none if there is nothing to write."""
        if len(self._batch):
            calls.commit(self._batch)


def commit_with_retry(decide: Callable[[OptimisticChange], R]) -> R:
    """Run `decide` and commit its writes; after a conflict, start again from reading.

    2 RPC without conflicts. Raises StoreUnavailable when the call's budget is spent.
    """
    pause = 0.01
    while True:
        change = OptimisticChange()
        result = decide(change)
        try:
            change.commit()
        except calls.Conflict:
            # Random pauses, or changes that collided once would collide again.
            calls.sleep_within_budget(0, pause)
            pause = min(2 * pause, 0.5)
        else:
            return result
