"""Read, decide, write at once: kept only if nothing read has changed meanwhile, else done anew.

Firestore's own transactions lock what they read and cost a request more; contended ones take the emulator many
seconds. Preconditions need no locks, every one that fails means that another change went through, and a commit
whose answer was lost is recognised when it is repeated.
"""

import random
from collections.abc import Callable
from typing import TypeVar

from google.cloud.firestore_v1 import DocumentReference

from activity.store.firestore import calls
from activity.store.firestore.client import client
from activity.store.firestore.layout import Snapshot
from activity.types import Document

R = TypeVar("R")


class Change:
    """What one change read and will write."""

    def __init__(self) -> None:
        self._batch = client().batch()
        self._read: dict[str, Snapshot] = {}

    def read(self, *refs: DocumentReference) -> list[Snapshot]:
        """All documents at one moment. 1 RPC."""
        snapshots = calls.read(refs)
        self._read.update({snapshot.reference.path: snapshot for snapshot in snapshots})
        return snapshots

    def put(self, ref: DocumentReference, data: Document) -> None:
        """Let a document that was read hold `data`; all of its fields are named, those that differ are written."""
        there = self._read[ref.path]
        if not there.exists:
            self._batch.create(ref, data)
            return
        before = there.to_dict() or {}
        differing = {key: value for key, value in data.items() if key not in before or before[key] != value}
        if differing:
            option = client().write_option(last_update_time=there.update_time)
            self._batch.update(ref, differing, option=option)

    def put_blind(self, ref: DocumentReference, data: Document) -> None:
        """Let a document hold `data`, whatever it held."""
        self._batch.set(ref, data)

    def add(self, ref: DocumentReference, fields: Document) -> None:
        """Update fields of a document that is there, by transforms that need not know what it holds."""
        self._batch.update(ref, fields)

    def drop(self, there: Snapshot) -> None:
        """Delete a document as it was found."""
        self._batch.delete(there.reference, option=client().write_option(last_update_time=there.update_time))

    def commit(self) -> None:
        """Raises Conflict. 1 RPC, none if there is nothing to write."""
        if len(self._batch):
            calls.commit(self._batch)


def settle(decide: Callable[[Change], R]) -> R:
    """Run `decide` and keep what it wrote; again, from reading on, while others get in between.

    2 RPC undisturbed. Raises StoreUnavailable when the call's budget does not last.
    """
    pause = 0.01
    while True:
        change = Change()
        result = decide(change)
        try:
            change.commit()
        except calls.Conflict:
            # Apart, or those who collided once would collide again.
            calls.rest(random.uniform(0, pause))  # noqa: S311
            pause = min(2 * pause, 0.5)
        else:
            return result
