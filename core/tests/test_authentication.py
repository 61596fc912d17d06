"""Authentication of API requests."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from core.auth import devkeys
from core.redis.client import count_round_trips

pytestmark = pytest.mark.urls("core.tests.probe_urls")


def make_token(uid: str = "ama", *, now: float | None = None, name: str | None = None) -> str:
    return devkeys.sign_token(
        Path(settings.FIREBASE_KEYS_FILE).parent,
        uid=uid,
        project=settings.FIREBASE_PROJECT_ID,
        now=time.time() if now is None else now,
        name=name,
    )


def get_me(header: str | None) -> Any:
    client = Client(raise_request_exception=False)
    headers = {} if header is None else {"Authorization": header}
    return client.get("/api/v1/me", headers=headers)


def test_a_token_identifies_the_viewer() -> None:
    response = get_me(f"Bearer {make_token(name='Ama')}")
    assert response.json() == {"uid": "ama", "name": "Ama", "picture": None}


def test_the_scheme_is_case_insensitive() -> None:
    assert get_me(f"bearer  {make_token()}").status_code == 200


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
def test_a_request_without_a_valid_token_gets_a_challenge(header: str | None, code: str) -> None:
    response = get_me(header)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    body = response.json()
    assert body.pop("message")
    assert body == {"error": True, "statusCode": 401, "code": code}


def test_an_expired_token_has_its_own_code() -> None:
    response = get_me(f"Bearer {make_token(now=time.time() - 7200)}")
    assert (response.status_code, response.json()["code"]) == (401, "token_expired")


def test_authentication_makes_no_round_trip_and_no_query() -> None:
    # Without a database mark, a query would fail the test.
    get_me(f"Bearer {make_token()}")
    with count_round_trips() as trips:
        assert get_me(f"Bearer {make_token('kofi')}").status_code == 200
    assert trips == ["pipeline of 2"]  # the throttle


def test_without_keys_the_response_is_a_503(settings: Any, tmp_path: Path) -> None:
    header = f"Bearer {make_token()}"
    settings.FIREBASE_KEYS_FILE = str(tmp_path / "gone.json")
    response = get_me(header)
    assert (response.status_code, response.json()["code"]) == (503, "auth_unavailable")
    assert int(response.headers["Retry-After"]) >= 1


def test_a_token_of_a_development_key_is_invalid_with_another_key_file(settings: Any, tmp_path: Path) -> None:
    header = f"Bearer {make_token()}"
    other = devkeys.ensure_keys(tmp_path)
    settings.FIREBASE_KEYS_FILE = str(other.key_set)
    assert get_me(header).status_code == 401
