"""The rules of a Firebase ID token."""

import base64
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.auth.tokens import InvalidToken, Viewer, verify
from core.tests.signing import (
    KEY,
    NOW,
    OTHER_KEY,
    PROJECT,
    Claims,
    encode_base64,
    encode_part,
    find_key,
    make_claims,
    sign,
    sign_raw,
)


def check(token: str, *, project: str = PROJECT, now: float = NOW) -> Viewer:
    return verify(token, project=project, find_key=find_key, now=now)


def find_no_key(kid: str) -> rsa.RSAPublicKey | None:
    raise AssertionError("a key was looked up")


class TestClaims:
    def test_a_valid_token_identifies_its_subject(self) -> None:
        viewer = check(sign(make_claims()))
        assert viewer == Viewer("ama", "Ama", "https://example.org/ama.jpg")
        assert viewer.is_authenticated
        assert viewer.pk == "ama"

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "another-project"},
            {"aud": [PROJECT]},
            {"aud": None},
            {"iss": "https://securetoken.google.com/another-project"},
            {"iss": "https://accounts.google.com"},
            {"iss": None},
            {"iss": ["https://securetoken.google.com/finishd-test"]},
            {"exp": None},
            {"exp": NOW - 31},
            {"exp": "tomorrow"},
            {"exp": True},
            {"exp": float("nan")},
            {"exp": float("inf")},
            {"exp": 10**400},
            {"exp": -1},
            {"iat": None},
            {"iat": NOW + 31},
            {"iat": [NOW]},
            {"auth_time": NOW + 31},
            {"auth_time": "yesterday"},
            {"nbf": NOW + 31},
            {"sub": None},
            {"sub": ""},
            {"sub": 7},
            {"sub": "a" * 129},
            {"sub": "a\x00b"},
            {"sub": "a\nb"},
            {"sub": "\ud800"},
        ],
        ids=repr,
    )
    def test_one_wrong_claim_makes_a_token_invalid(self, changes: Claims) -> None:
        with pytest.raises(InvalidToken):
            # PyJWT refuses to write some of these claims.
            check(sign_raw(make_claims(**changes)))

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": NOW - 29},
            {"iat": NOW + 29},
            {"auth_time": NOW + 29},
            {"auth_time": None},
            {"sub": "a" * 128},
            {"sub": "über user/1"},
        ],
        ids=repr,
    )
    def test_a_claim_at_the_edge_of_a_rule_is_valid(self, changes: Claims) -> None:
        assert check(sign(make_claims(**changes))).uid == changes.get("sub", "ama")

    def test_an_expired_token_has_its_own_code(self) -> None:
        with pytest.raises(InvalidToken) as refusal:
            check(sign(make_claims()), now=NOW + 4000)
        assert refusal.value.code == "token_expired"


class TestSignature:
    def test_a_token_of_another_key_with_a_known_id_is_invalid(self) -> None:
        with pytest.raises(InvalidToken):
            check(sign(make_claims(), key=OTHER_KEY))

    def test_a_token_of_an_unknown_key_is_invalid(self) -> None:
        with pytest.raises(InvalidToken):
            check(sign(make_claims(), kid="two"))

    def test_a_changed_payload_makes_a_token_invalid(self) -> None:
        head, _, signature = sign(make_claims()).split(".")
        _, kofi, _ = sign(make_claims(sub="kofi")).split(".")
        with pytest.raises(InvalidToken):
            check(f"{head}.{kofi}.{signature}")

    @pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "PS256"])
    def test_another_algorithm_is_rejected_before_a_key_is_looked_up(self, algorithm: str) -> None:
        key: Any = {"none": "", "HS256": "x" * 64}.get(algorithm, KEY)
        token = sign(make_claims(), key=key, algorithm=algorithm)
        with pytest.raises(InvalidToken):
            verify(token, project=PROJECT, find_key=find_no_key, now=NOW)

    def test_a_signature_with_the_public_key_as_secret_is_invalid(self) -> None:
        pem = KEY.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        head = encode_part({"alg": "HS256", "typ": "JWT", "kid": "one"})
        body = encode_part(make_claims())
        signature = hmac.new(pem, f"{head}.{body}".encode(), "sha256").digest()
        with pytest.raises(InvalidToken):
            check(f"{head}.{body}.{encode_base64(signature)}")


class TestFormat:
    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "..",
            "a.b.c",
            "not a token",
            "é.ü.ß",
            "\ud800.a.b",
            "x" * 9000,
            base64.urlsafe_b64encode(b"[" * 4000).decode() + ".e30.e30",
            base64.urlsafe_b64encode(b'{"alg":"RS256","kid":' + b"[" * 4000).decode() + ".e30.e30",
        ],
        ids=lambda token: ascii(token[:12]),
    )
    def test_text_that_is_not_a_token_is_invalid(self, token: str) -> None:
        with pytest.raises(InvalidToken):
            verify(token, project=PROJECT, find_key=find_no_key, now=NOW)

    @pytest.mark.parametrize("kid", [None, "", 5, ["one"], "k" * 129])
    def test_a_token_without_a_valid_key_id_is_invalid(self, kid: Any) -> None:
        head = {"alg": "RS256"} if kid is None else {"alg": "RS256", "kid": kid}
        with pytest.raises(InvalidToken):
            verify(sign_raw(make_claims(), head), project=PROJECT, find_key=find_no_key, now=NOW)

    def test_without_a_configured_project_no_token_is_valid(self) -> None:
        token = sign(make_claims(aud="", iss="https://securetoken.google.com/"))
        with pytest.raises(InvalidToken):
            check(token, project="")


class TestPerson:
    @pytest.mark.parametrize(
        ("name", "cleaned"),
        [
            ("A\x00m\x1ba ", "Ama"),
            ("", None),
            (7, None),
            (None, None),
            ("x" * 300, "x" * 200),
            ("👩‍👧", "👩‍👧"),
            ("\N{RIGHT-TO-LEFT OVERRIDE}amA \N{LEFT-TO-RIGHT MARK} K.", "amA K."),
            ("\N{RIGHT-TO-LEFT ISOLATE}\N{POP DIRECTIONAL ISOLATE}", None),
            ("A\nma\N{NO-BREAK SPACE} B", "Ama B"),
        ],
    )
    def test_a_name_is_cleaned_for_all_stores(self, name: Any, cleaned: str | None) -> None:
        assert check(sign(make_claims(name=name))).name == cleaned

    @pytest.mark.parametrize("picture", ["javascript:alert(1)", "https://x/\n", "https://x/" + "y" * 3000, 7])
    def test_a_picture_that_is_not_a_url_is_dropped(self, picture: Any) -> None:
        assert check(sign(make_claims(picture=picture))).picture is None
