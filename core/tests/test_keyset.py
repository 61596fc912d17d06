"""Key sets: parsing, lifetime, and the form that processes share."""

import json
from pathlib import Path

import pytest

from core.auth import keyset
from core.tests.key_endpoint import make_jwks


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        ("public, max-age=21600, must-revalidate, no-transform", "", 21_600),
        ("max-age=21600", "600", 21_000),
        ("MAX-AGE=120", "nonsense", 120),
        ("s-maxage=7, max-age=300", "", 300),
        ("max-age=0", "", 60),
        ("max-age=99", "5000", 60),
        ("no-store, max-age=3600", "", 60),
        ("max-age=999999999", "", 86_400),
        ("public", "", 3600),
        ("", "", 3600),
    ],
)
def test_the_lifetime_comes_from_the_headers_within_a_minute_and_a_day(
    cache_control: str, age: str, seconds: float
) -> None:
    assert keyset.get_lifetime(cache_control, age) == seconds


def test_entries_that_are_no_public_rs256_key_are_skipped(key_dirs: list[Path]) -> None:
    good = json.loads(make_jwks(key_dirs[0]))["keys"][0]
    document = [
        good,
        {**good, "kid": "for-encryption", "use": "enc"},
        {**good, "kid": "other-algorithm", "alg": "RS512"},
        {**good, "kid": ""},
        {**good, "kid": 5},
        {**good, "kid": "short", "n": good["n"][:80]},
        {**good, "kid": "broken", "n": "!"},
        {**good, "kid": "private", "d": "AQAB"},
        {"kty": "oct", "kid": "secret", "k": "AQAB"},
    ]
    assert list(keyset.parse(json.dumps({"keys": document}).encode())) == [good["kid"]]


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5]}', b'{"keys": []}'])
def test_a_document_without_a_usable_key_is_rejected(document: bytes) -> None:
    with pytest.raises(keyset.BadKeySet):
        keyset.parse(document)


def test_a_shared_set_is_fresh_for_a_day_at_most(key_dirs: list[Path]) -> None:
    document = make_jwks(key_dirs[0])
    eternal = keyset.KeySet(document, keyset.parse(document), fetched_at=9e12, fresh_until=9e15)
    shared = keyset.unpack(keyset.pack(eternal), now=1000.0)
    assert (shared.fetched_at, shared.fresh_until) == (1000.0, 1000.0 + 86_400)
