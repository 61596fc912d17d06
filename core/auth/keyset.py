"""A set of public keys, read from a JWKS document, and the time for which it is fresh."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from core.auth.tokens import ALGORITHM, MAX_KID

MIN_KEY_BITS = 2048
MAX_DOCUMENT = 256 * 1024  # bytes; Google's is 2 KB
MIN_LIFETIME = 60.0
DEFAULT_LIFETIME = 3600.0
MAX_LIFETIME = 86_400.0

Keys = Mapping[str, RSAPublicKey]


class BadKeySet(Exception):
    """The document is not a JWKS with at least one usable key."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys by id, and their document. `fetched_at` and `fresh_until` are epoch seconds."""

    document: bytes
    keys: Keys
    fetched_at: float
    fresh_until: float


def parse(document: bytes) -> Keys:
    """Return the RS256 keys of a JWKS document; other entries are skipped. Raises BadKeySet."""
    try:
        entries = orjson.loads(document)["keys"]
        candidates = [_parse_key(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadKeySet("not a JWKS document") from error
    keys = dict(found for found in candidates if found is not None)
    if not keys:
        raise BadKeySet("no RS256 key in the document")
    return keys


def get_lifetime(cache_control: str, age: str) -> float:
    """Return for how many seconds a response with these two headers is fresh: a minute to a day."""
    if re.search(r"\bno-(store|cache)\b", cache_control, re.IGNORECASE):
        return MIN_LIFETIME
    stated = re.search(r"(?<![\w-])max-age\s*=\s*\"?(\d{1,9})", cache_control, re.IGNORECASE)
    if stated is None:
        return DEFAULT_LIFETIME
    spent = int(age) if re.fullmatch(r"\d{1,9}", age) else 0
    return min(max(float(int(stated[1]) - spent), MIN_LIFETIME), MAX_LIFETIME)


def pack(key_set: KeySet) -> bytes:
    """Return the key set as bytes, for other processes."""
    return orjson.dumps(
        {
            "document": key_set.document.decode(),
            "fetchedAt": key_set.fetched_at,
            "freshUntil": key_set.fresh_until,
        }
    )


def unpack(packed: bytes, *, now: float) -> KeySet:
    """Return the key set of `pack`. Raises BadKeySet.

    If `fetched_at` is in the future, it becomes `now`. `fresh_until` is at most MAX_LIFETIME after it.
    """
    try:
        values = orjson.loads(packed)
        document = values["document"].encode()
        fetched_at = min(float(values["fetchedAt"]), now)
        fresh_until = min(float(values["freshUntil"]), fetched_at + MAX_LIFETIME)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadKeySet("not a packed key set") from error
    return KeySet(document, parse(document), fetched_at, fresh_until)


def _parse_key(entry: dict[str, Any]) -> tuple[str, RSAPublicKey] | None:
    kid = entry.get("kid")
    if (
        entry.get("kty") != "RSA"
        or entry.get("use", "sig") != "sig"
        or entry.get("alg", ALGORITHM) != ALGORITHM
    ):
        return None
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID or "d" in entry:
        return None
    try:
        key = jwt.PyJWK.from_dict(entry, algorithm=ALGORITHM).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return (kid, key) if isinstance(key, RSAPublicKey) and key.key_size >= MIN_KEY_BITS else None
