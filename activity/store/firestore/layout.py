"""The paths of documents, and how a uid or a title becomes a document id.

    people/{uid}                       the person, without preferences and seen history
    people/{uid}/activities/{title}    an activity with its ledger
    preferences/{uid}                  preferences besides genres; no plan needs them
    seen/{uid}                         seen history, in one document
    follows/{follower|followee}        a follow edge
    timelines/{viewer}/rows/{author|title}
    jobs/{kind|subject|target}

Ids are never parsed: every document has its uids and titles in fields. An id is the plain uid wherever possible,
because `firestore.rules` compares it with the token's uid.
"""

import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import orjson
from google.cloud.firestore_v1 import CollectionReference, DocumentReference, DocumentSnapshot, Query

from activity.store.firestore.client import get_client
from core.codecs import decode

Snapshot: TypeAlias = DocumentSnapshot[DocumentReference]

# Jobs are read by `due`, which only grows. Without shards, its index would take 500 writes per second at most.
SHARDS: Final = 16

_MAX_ID_BYTES: Final = 1_400  # Firestore allows 1,500
_ESCAPED: Final = {
    ord(c): f"%{ord(c):02X}" for c in ["%", "/", "|", ".", "~", *map(chr, range(0x20)), "\x7f"]
}


def make_document_id(*parts: str) -> str:
    """Return a document id that only these parts have: escaped, or a hash if that would be too long.

    Raises UnicodeEncodeError (a ValueError) for a lone surrogate.
    """
    text = "|".join(_escape(part) for part in parts)
    raw = text.encode()
    return text if len(raw) <= _MAX_ID_BYTES else f"~{blake2b(raw, digest_size=32).hexdigest()}"


def _escape(part: str) -> str:
    text = part.translate(_ESCAPED)
    if text.startswith("__"):  # Firestore reserves `__x__`
        text = f"%5F{text[1:]}"
    return text or "%"


def person(uid: str) -> DocumentReference:
    return people().document(make_document_id(uid))


def people() -> CollectionReference:
    return get_client().collection("people")


def preferences(uid: str) -> DocumentReference:
    return get_client().collection("preferences").document(make_document_id(uid))


def seen(uid: str) -> DocumentReference:
    return get_client().collection("seen").document(make_document_id(uid))


def activity(uid: str, title: str) -> DocumentReference:
    return activities(uid).document(make_document_id(title))


def activities(uid: str) -> CollectionReference:
    collection: CollectionReference = person(uid).collection("activities")
    return collection


def all_activities() -> Query:
    """Return the query of the activities of all people."""
    return get_client().collection_group("activities")


def edge(follower: str, followee: str) -> DocumentReference:
    return follows().document(make_document_id(follower, followee))


def follows() -> CollectionReference:
    return get_client().collection("follows")


def row(viewer: str, author: str, title: str) -> DocumentReference:
    return rows(viewer).document(make_document_id(author, title))


def rows(viewer: str) -> CollectionReference:
    timeline = get_client().collection("timelines").document(make_document_id(viewer))
    collection: CollectionReference = timeline.collection("rows")
    return collection


def all_rows() -> Query:
    """Return the query of the rows of all timelines."""
    return get_client().collection_group("rows")


def job(kind: str, subject: str, target: str) -> DocumentReference:
    return jobs().document(make_document_id(kind, subject, target))


def jobs() -> CollectionReference:
    return get_client().collection("jobs")


def get_shard(kind: str, subject: str, target: str) -> int:
    return zlib.crc32(make_document_id(kind, subject, target).encode()) % SHARDS


def pack_map(value: Mapping[str, Any]) -> bytes:
    """Pack a map with foreign keys (slugs, item ids). Firestore refuses maps with keys such as `__x__` or ""."""
    return orjson.dumps(value)


def unpack_map(value: bytes | None) -> dict[str, Any]:
    """Return a packed map, an empty one if it is absent or unreadable."""
    return decode(dict[str, Any], value or None) or {}
