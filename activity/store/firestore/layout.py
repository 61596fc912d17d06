"""Where documents lie, and how any uid or title becomes a document's id.

    people/{uid}                       the lite profile, and what counts towards it
    people/{uid}/activities/{title}    what they did to a title, with its delivery's ledger
    preferences/{uid}                  what their phone synced besides genres; no plan needs it
    seen/{uid}                         all that they have seen, in one document
    follows/{follower|followee}        an edge
    timelines/{viewer}/rows/{actor|title}
    jobs/{kind|subject|target}

Ids are never taken apart again: every document names its uids and titles in fields. An id is
the plain uid wherever it can be, because `firestore.rules` compares it with the token's.
"""

import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import orjson
from google.cloud.firestore_v1 import CollectionReference, DocumentReference, DocumentSnapshot, Query

from activity.store.firestore.client import client

Snapshot: TypeAlias = DocumentSnapshot[DocumentReference]

# Jobs are read by `due`, which only grows: unsharded, its index would take 500 writes a second at most.
SHARDS: Final = 16

_ID_BYTES: Final = 1_400  # Firestore's bound is 1,500
_ESCAPED: Final = {
    ord(c): f"%{ord(c):02X}" for c in ["%", "/", "|", ".", "~", *map(chr, range(0x20)), "\x7f"]
}


def identity(*parts: str) -> str:
    """A document id that only these parts have: escaped, or hashed where that would be too long.

    Raises UnicodeEncodeError (a ValueError) for half a surrogate pair.
    """
    text = "|".join(_escaped(part) for part in parts)
    raw = text.encode()
    return text if len(raw) <= _ID_BYTES else f"~{blake2b(raw, digest_size=32).hexdigest()}"


def _escaped(part: str) -> str:
    text = part.translate(_ESCAPED)
    if text.startswith("__"):  # Firestore keeps `__x__` for itself
        text = f"%5F{text[1:]}"
    return text or "%"


def person(uid: str) -> DocumentReference:
    return client().collection("people").document(identity(uid))


def preferences(uid: str) -> DocumentReference:
    return client().collection("preferences").document(identity(uid))


def seen(uid: str) -> DocumentReference:
    return client().collection("seen").document(identity(uid))


def activity(uid: str, title: str) -> DocumentReference:
    return activities(uid).document(identity(title))


def activities(uid: str) -> CollectionReference:
    made: CollectionReference = person(uid).collection("activities")
    return made


def edge(follower: str, followee: str) -> DocumentReference:
    return follows().document(identity(follower, followee))


def follows() -> CollectionReference:
    return client().collection("follows")


def row(viewer: str, actor: str, title: str) -> DocumentReference:
    return rows(viewer).document(identity(actor, title))


def rows(viewer: str) -> CollectionReference:
    made: CollectionReference = client().collection("timelines").document(identity(viewer)).collection("rows")
    return made


def all_rows() -> Query:
    """The rows of every timeline."""
    return client().collection_group("rows")


def people() -> CollectionReference:
    return client().collection("people")


def job(kind: str, subject: str, target: str) -> DocumentReference:
    return jobs().document(identity(kind, subject, target))


def jobs() -> CollectionReference:
    return client().collection("jobs")


def shard(kind: str, subject: str, target: str) -> int:
    return zlib.crc32(identity(kind, subject, target).encode()) % SHARDS


def packed(value: Mapping[str, Any]) -> bytes:
    """A map whose keys are not ours (slugs, item ids): as a field's map, `__x__` or an empty key would be refused."""
    return orjson.dumps(value)


def unpacked(value: bytes | None) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(value) if value else {}
    return made
