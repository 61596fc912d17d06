"""Whom a token proves, and what the API makes of it."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from core.auth import devkeys, keystore, token_cache
from core.auth.tokens import InvalidToken, Viewer, verify
from core.redis.client import count_round_trips

NOW = 1_795_000_000.0
PROJECT = "finishd-test"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Claims = dict[str, Any]


def claims(**changes: Any) -> Claims:
    """What Firebase writes for Ama an instant ago; None takes a claim away."""
    written = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "ama",
        "auth_time": NOW - 100,
        "iat": NOW - 10,
        "exp": NOW + 3590,
        "name": "Ama",
        "picture": "https://example.org/ama.jpg",
        **changes,
    }
    return {name: value for name, value in written.items() if value is not None}


def signed(payload: Claims, *, key: Any = KEY, kid: Any = "one", algorithm: str = "RS256") -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def find(kid: str) -> rsa.RSAPublicKey | None:
    return KEY.public_key() if kid == "one" else None


def check(token: str, *, project: str = PROJECT, now: float = NOW) -> Viewer:
    return verify(token, project=project, find_key=find, now=now)


def never(kid: str) -> rsa.RSAPublicKey | None:
    raise AssertionError("no key is looked for")


class TestToken:
    def test_proves_its_subject(self) -> None:
        viewer = check(signed(claims()))
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
    def test_is_refused_for_one_wrong_claim(self, changes: Claims) -> None:
        with pytest.raises(InvalidToken):
            # PyJWT refuses to write some of these; a forger would not.
            check(_sign_raw(claims(**changes)))

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
    def test_is_taken_at_the_edge_of_a_rule(self, changes: Claims) -> None:
        assert check(signed(claims(**changes))).uid == changes.get("sub", "ama")

    def test_past_its_time_says_so(self) -> None:
        with pytest.raises(InvalidToken) as refusal:
            check(signed(claims()), now=NOW + 4000)
        assert refusal.value.code == "token_expired"

    def test_of_another_key_under_a_known_id_is_refused(self) -> None:
        with pytest.raises(InvalidToken):
            check(signed(claims(), key=OTHER_KEY))

    def test_of_an_unknown_key_is_refused(self) -> None:
        with pytest.raises(InvalidToken):
            check(signed(claims(), kid="two"))

    def test_with_a_changed_payload_is_refused(self) -> None:
        head, _, signature = signed(claims()).split(".")
        _, kofi, _ = signed(claims(sub="kofi")).split(".")
        with pytest.raises(InvalidToken):
            check(f"{head}.{kofi}.{signature}")

    @pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "PS256"])
    def test_of_another_algorithm_is_refused_before_a_key_is_looked_for(self, algorithm: str) -> None:
        key: Any = {"none": "", "HS256": "x" * 64}.get(algorithm, KEY)
        token = signed(claims(), key=key, algorithm=algorithm)
        with pytest.raises(InvalidToken):
            verify(token, project=PROJECT, find_key=never, now=NOW)

    def test_signed_with_the_public_key_as_a_secret_is_refused(self) -> None:
        pem = KEY.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        import hmac  # noqa: PLC0415

        head = _part({"alg": "HS256", "typ": "JWT", "kid": "one"})
        body = _part(claims())
        signature = hmac.new(pem, f"{head}.{body}".encode(), "sha256").digest()
        with pytest.raises(InvalidToken):
            check(f"{head}.{body}.{_base64(signature)}")

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
    def test_that_is_none_is_refused_without_a_fault(self, token: str) -> None:
        with pytest.raises(InvalidToken):
            verify(token, project=PROJECT, find_key=never, now=NOW)

    @pytest.mark.parametrize("kid", [None, "", 5, ["one"], "k" * 129])
    def test_without_a_proper_key_id_is_refused(self, kid: Any) -> None:
        head = {"alg": "RS256"} if kid is None else {"alg": "RS256", "kid": kid}
        with pytest.raises(InvalidToken):
            verify(_sign_raw(claims(), head), project=PROJECT, find_key=never, now=NOW)

    def test_proves_nothing_while_no_project_is_set(self) -> None:
        token = signed(claims(aud="", iss="https://securetoken.google.com/"))
        with pytest.raises(InvalidToken):
            check(token, project="")

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("A\x00m\x1ba ", "Ama"),
            ("", None),
            (7, None),
            (None, None),
            ("x" * 300, "x" * 200),
            ("👩‍👧", "👩‍👧"),
        ],
    )
    def test_claims_a_name_that_every_store_can_hold(self, name: Any, shown: str | None) -> None:
        assert check(signed(claims(name=name))).name == shown

    @pytest.mark.parametrize("picture", ["javascript:alert(1)", "https://x/\n", "https://x/" + "y" * 3000, 7])
    def test_claims_no_picture_that_is_no_address(self, picture: Any) -> None:
        assert check(signed(claims(picture=picture))).picture is None


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _part(document: Any) -> str:
    return _base64(json.dumps(document).encode())


def _sign_raw(payload: Claims, header: Any = None) -> str:
    """A properly signed token of any claims, also of those that a careful library would not write."""
    head = _part(header or {"alg": "RS256", "kid": "one"})
    body = _part(payload)
    signature = jwt.get_algorithm_by_name("RS256").sign(f"{head}.{body}".encode(), KEY)
    return f"{head}.{body}.{_base64(signature)}"


@pytest.fixture
def token() -> Callable[..., str]:
    def make(uid: str = "ama", **more: Any) -> str:
        more.setdefault("now", time.time())
        return devkeys.sign_token(
            Path(settings.FIREBASE_KEYS_FILE).parent, uid=uid, project=settings.FIREBASE_PROJECT_ID, **more
        )

    return make


@pytest.mark.urls("core.tests.probe_urls")
class TestApi:
    def test_knows_the_caller_by_the_token(self, token: Callable[..., str]) -> None:
        answer = get_me(f"Bearer {token(name='Ama')}")
        assert answer.json() == {"uid": "ama", "name": "Ama", "picture": None}

    def test_takes_the_scheme_in_any_case(self, token: Callable[..., str]) -> None:
        assert get_me(f"bearer  {token()}").status_code == 200

    @pytest.mark.parametrize(
        ("header", "code"),
        [
            (None, "not_authenticated"),
            ("", "not_authenticated"),
            ("Basic YTpi", "not_authenticated"),
            ("Bearer", "token_invalid"),
            ("Bearer ", "token_invalid"),
            ("Bearer nonsense", "token_invalid"),
            ("Bearer a b c", "token_invalid"),
        ],
    )
    def test_refuses_everybody_else_with_a_challenge(self, header: str | None, code: str) -> None:
        answer = get_me(header)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        shape = answer.json()
        assert shape.pop("message")
        assert shape == {"error": True, "statusCode": 401, "code": code}

    def test_tells_an_expired_token_from_a_false_one(self, token: Callable[..., str]) -> None:
        answer = get_me(f"Bearer {token(now=time.time() - 7200)}")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")

    def test_waits_for_nothing_to_know_a_caller(self, token: Callable[..., str]) -> None:
        # No database mark: a query would fail the test.
        get_me(f"Bearer {token()}")
        with count_round_trips() as waits:
            assert get_me(f"Bearer {token('kofi')}").status_code == 200
        assert waits == ["pipeline of 2"]  # the throttle

    def test_without_keys_is_briefly_away(
        self, token: Callable[..., str], settings: Any, tmp_path: Path
    ) -> None:
        header = f"Bearer {token()}"
        settings.FIREBASE_KEYS_FILE = str(tmp_path / "gone.json")
        answer = get_me(header)
        assert (answer.status_code, answer.json()["code"]) == (503, "auth_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1

    def test_believes_no_development_key_once_the_file_is_not_set(
        self, token: Callable[..., str], settings: Any, tmp_path: Path
    ) -> None:
        header = f"Bearer {token()}"
        other = devkeys.ensure_keys(tmp_path)
        settings.FIREBASE_KEYS_FILE = str(other.key_set)
        assert get_me(header).status_code == 401


def get_me(header: str | None) -> Any:
    client = Client(raise_request_exception=False)
    headers = {} if header is None else {"Authorization": header}
    return client.get("/api/v1/me", headers=headers)


class TestTokenCommand:
    def printed(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        call_command("token", *arguments)
        return capsys.readouterr().out.strip()

    def test_prints_a_token_that_the_ordinary_verifier_takes(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        printed = self.printed(capsys, "zoe", "--name", "Zoë", "--hours", "2")
        find_key = keystore.get_key_finder()
        soon = time.time() + 7000
        viewer = verify(printed, project=settings.FIREBASE_PROJECT_ID, find_key=find_key, now=soon)
        assert (viewer.uid, viewer.name) == ("zoe", "Zoë")

    def test_names_the_people_of_the_demo(self, capsys: pytest.CaptureFixture[str]) -> None:
        printed = self.printed(capsys, "ama")
        viewer = verify(
            printed, project=settings.FIREBASE_PROJECT_ID, find_key=keystore.get_key_finder(), now=time.time()
        )
        assert viewer.name == "Ama"

    def test_prints_one_a_line_for_several(self, capsys: pytest.CaptureFixture[str]) -> None:
        tokens = self.printed(capsys, "ama", "kofi").splitlines()
        find_key = keystore.get_key_finder()
        verified = [
            verify(token, project=settings.FIREBASE_PROJECT_ID, find_key=find_key, now=time.time())
            for token in tokens
        ]
        assert [(viewer.uid, viewer.name) for viewer in verified] == [("ama", "Ama"), ("kofi", "Kofi")]

    @pytest.mark.parametrize(
        "arguments",
        [
            ("",),
            ("ama", ""),
            ("ama", "kofi", "--name", "Zoë"),
            ("a\nb",),
            ("x" * 129,),
            ("ama", "--hours", "0"),
            ("ama", "--hours", "nan"),
        ],
        ids=repr,
    )
    def test_refuses_nonsense_in_one_line(self, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            call_command("token", *arguments)

    def test_says_what_to_do_without_a_development_key(self, settings: Any, tmp_path: Path) -> None:
        settings.FIREBASE_KEYS_FILE = str(tmp_path / "jwks.json")
        with pytest.raises(CommandError, match="make run"):
            call_command("token", "ama")
        settings.FIREBASE_KEYS_FILE = ""
        with pytest.raises(CommandError, match="make run"):
            call_command("token", "ama")


class TestRemembered:
    """A token is verified once a minute, and never trusted beyond what it says."""

    @pytest.fixture(autouse=True)
    def looked_up(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The key ids that were asked for; nothing is remembered yet."""
        monkeypatch.setattr(token_cache, "_cache", {})
        self.asked: list[str] = []
        return self.asked

    def find(self, kid: str) -> rsa.RSAPublicKey | None:
        self.asked.append(kid)
        return find(kid)

    def verify(self, token: str, *, project: str = PROJECT, now: float = NOW) -> Viewer:
        return token_cache.verify(token, project=project, find_key=self.find, now=now)

    def test_it_is_verified_once_a_minute(self) -> None:
        token = signed(claims())
        for now in (NOW, NOW + 59, NOW + 60, NOW + 61):
            assert self.verify(token, now=now).uid == "ama"
        assert len(self.asked) == 2

    def test_it_expires_within_that_minute(self) -> None:
        token = signed(claims(exp=NOW + 10))
        self.verify(token)
        self.verify(token, now=NOW + 39)  # the leeway that clocks are given
        with pytest.raises(InvalidToken) as refusal:
            self.verify(token, now=NOW + 41)
        assert refusal.value.code == "token_expired"

    def test_what_another_project_or_other_keys_proved_is_no_proof(self) -> None:
        token = signed(claims())
        self.verify(token)
        with pytest.raises(InvalidToken, match="another project"):
            self.verify(token, project="other")
        with pytest.raises(InvalidToken, match="unknown key"):
            token_cache.verify(token, project=PROJECT, find_key=lambda kid: None, now=NOW)

    def test_what_is_refused_is_asked_for_each_time(self) -> None:
        token = signed(claims(sub=""))
        for _ in range(2):
            with pytest.raises(InvalidToken):
                self.verify(token)
        assert len(self.asked) == 2

    def test_the_memory_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(token_cache, "MAX_TOKENS", 3)
        for number in range(10):
            self.verify(signed(claims(sub=f"viewer-{number}")))
        assert len(token_cache._cache) <= 3
