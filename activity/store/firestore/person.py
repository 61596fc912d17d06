"""People's documents as plain values.

Phones may read these documents (see `firestore.rules`), so their field names are part of the interface to the app.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from activity.rules.person import Person
from activity.store.firestore import layout
from activity.store.firestore.changes import OptimisticChange
from activity.store.firestore.layout import Snapshot
from activity.types import StoredDocument
from core.codecs import convert_readable

# Fields of a person that have another name in the document.
_DOCUMENT_NAMES: Final = {
    "title_affinity_sums": "likings",
    "event_affinity_sums": "learned",
    "event_affinity_at": "learned_at",
    "stream_positions": "applied",
    "pull_list": "pulled",
    "following_count": "following",
}
_PACKED: Final = frozenset({"title_affinity_sums", "event_affinity_sums", "skipped", "stream_positions"})
_FIELDS: Final = tuple(field.name for field in fields(Person))


def document_name(field: str) -> str:
    """Return the name of a person's field in the document."""
    return _DOCUMENT_NAMES.get(field, field)


def from_snapshot(uid: str, snapshot: Snapshot) -> Person:
    """Return the person in a document, or a new person if there is no document."""
    if not snapshot.exists:
        return Person(uid)
    return from_document(uid, snapshot.to_dict() or {})


def from_document(uid: str, document: StoredDocument) -> Person:
    """Return the person in a document. Unknown fields are ignored; an unreadable field has its default."""
    named = {field: document[name] for field in _FIELDS if (name := document_name(field)) in document}
    unpacked = {
        field: layout.unpack_map(value) if field in _PACKED else value for field, value in named.items()
    }
    return convert_readable(Person, unpacked, uid=uid)


def save_person(change: OptimisticChange, before: Person, after: Person) -> None:
    """Write what differs, if a rule raised the version."""
    if after.version != before.version:
        unchanged = {document_name(f) for f in _FIELDS if getattr(after, f) == getattr(before, f)}
        change.put(layout.person(after.uid), to_document(after), keep=unchanged)


def to_document(person: Person) -> StoredDocument:
    return {document_name(field): _encode(getattr(person, field)) for field in _FIELDS}


def _encode(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return layout.pack_map(value) if isinstance(value, Mapping) else value
