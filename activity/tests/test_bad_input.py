"""Invalid requests are rejected with an error body, and nothing is stored or queued."""

from typing import Any
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from activity.services import presence
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.types import is_followable_uid
from finishd.testing.api import get_client
from finishd.testing.people import Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    # Rejected requests reach no store. The store contract tests unusual names.
    pytest.mark.parametrize("activity_store", ["orm"], indirect=True),
]

LONG = "x" * 1_000_000
UNUSUAL_VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 17,
    "a fraction": 1.5,
    "a huge number": 10**18,
    "below zero": -1,
    "a list": ["a"],
    "an object": {"a": "b"},
    "empty": "",
    "a space": " ",
    "a NUL": "a\0b",
    "an emoji": "👻",
    "a control": "a\x1bb",
    "a megabyte": LONG,
}
INVALID_UIDS = [
    "",
    " ",
    "/",
    "a/b",
    "..",
    ".",
    "{}",
    "{a}",
    "a b",
    "a\0b",
    "👻",
    "é",
    "x" * 129,
    "x" * 1_500,
    LONG,
]
SYNC = ("/api/v1/user-titles/sync", {"title_id": "603", "media_type": "movie", "is_favorite": True})
FOLLOW = ("/api/v1/social/follow", {"target_uid": "kofi", "action": "follow"})
BLOCK = ("/api/v1/social/block", {"target_uid": "kofi", "action": "block"})
PREFERENCES = ("/api/v1/user/preferences/sync", {"selectedGenres": ["drama"]})
# field → the unusual values that it accepts
ACCEPTED: dict[str, set[str]] = {
    "title_id": {"a number"},
    "media_type": set(),
    "title": {
        "null",
        "a number",
        "a fraction",
        "a huge number",
        "below zero",
        "empty",
        "a space",
        "an emoji",
        "a control",
    },
    "poster_path": {
        "null",
        "a number",
        "a fraction",
        "a huge number",
        "below zero",
        "empty",
        "a space",
        "an emoji",
        "a control",
    },
    "status": {"null"},
    "is_favorite": {"true", "null"},
    "rating": {"null"},
    "source": {"null"},
    "target_uid": set(),
    "action": set(),
    "selectedGenres": {"a list"},
    "selectedGenreIds": set(),
    "streamingProviders": set(),
    "selectedMovies": set(),
    "selectedShows": set(),
}
FIELDS = [
    *((SYNC, name) for name in ("title_id", "media_type", "title", "poster_path", "status")),
    *((SYNC, name) for name in ("is_favorite", "rating", "source")),
    *((request, name) for request in (FOLLOW, BLOCK) for name in ("target_uid", "action")),
    *((PREFERENCES, name) for name in ("selectedGenres", "selectedGenreIds", "streamingProviders")),
    *((PREFERENCES, name) for name in ("selectedMovies", "selectedShows")),
]


def assert_rejected(answer: Any, *, status: int = 400) -> None:
    assert answer.status_code == status, answer.content[:300]
    body = answer.json()
    assert body["error"] is True
    assert body["statusCode"] == status
    assert body["message"]
    assert len(answer.content) < 2_000


def assert_nothing_stored(messages: Messages) -> None:
    assert messages.waiting == []
    assert get_store().get_activities("ama") == []
    assert get_store().get_due_jobs(now=3e9) == []
    profile = get_store().get_profile("ama")
    assert profile is None or (profile.following_count, profile.genres, profile.blocked_uids) == (
        0,
        (),
        frozenset(),
    )


@pytest.fixture(autouse=True)
def _active(activity_store: ActivityStore, messages: Messages) -> None:
    presence.mark_active("ama")


@pytest.mark.parametrize(
    ("request_", "name"), FIELDS, ids=[f"{r[0].rpartition('/')[0][-14:]}-{name}" for r, name in FIELDS]
)
def test_every_field_rejects_values_of_other_types(
    messages: Messages, request_: tuple[str, dict[str, Any]], name: str
) -> None:
    path, body = request_
    for name_of_value, value in UNUSUAL_VALUES.items():
        if name_of_value not in ACCEPTED[name]:
            answer = get_client("ama").post(path, {**body, name: value})
            assert answer.status_code == 400, (name_of_value, answer.content[:300])
            assert_rejected(answer)
    assert_nothing_stored(messages)


@pytest.mark.parametrize(
    ("request_", "missing"),
    [
        *((SYNC, name) for name in ("title_id", "media_type")),
        *((request, name) for request in (FOLLOW, BLOCK) for name in ("target_uid", "action")),
    ],
)
def test_required_fields_are_required(
    messages: Messages, request_: tuple[str, dict[str, Any]], missing: str
) -> None:
    path, body = request_
    assert_rejected(get_client("ama").post(path, {k: v for k, v in body.items() if k != missing}))
    assert_nothing_stored(messages)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"17",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"target_uid": "\\ud800", "action": "follow"}',
    ],
)
@pytest.mark.parametrize("path", [SYNC[0], FOLLOW[0], BLOCK[0]])
def test_bodies_that_are_not_objects_are_rejected(messages: Messages, path: str, body: bytes) -> None:
    assert_rejected(get_client("ama").post(path, data=body, content_type="application/json"))
    assert_nothing_stored(messages)


@pytest.mark.parametrize("bad", [0, -1, 6, 2.5, "five", 10**18, [], {}, True])
def test_ratings_are_integers_from_one_to_five(messages: Messages, bad: Any) -> None:
    assert_rejected(get_client("ama").post(SYNC[0], {**SYNC[1], "rating": bad}))
    assert_nothing_stored(messages)


@pytest.mark.parametrize("uid", INVALID_UIDS, ids=lambda uid: ascii(uid[:8]) + str(len(uid)))
class TestInvalidUids:
    @pytest.mark.parametrize("request_", [FOLLOW, BLOCK], ids=["follow", "block"])
    def test_a_body_with_the_uid_is_rejected(
        self, messages: Messages, request_: tuple[str, dict[str, Any]], uid: str
    ) -> None:
        assert not is_followable_uid(uid)
        assert_rejected(get_client("ama").post(request_[0], {**request_[1], "target_uid": uid}))
        assert_nothing_stored(messages)

    @pytest.mark.parametrize("path", ["followers", "following", "stats", "mutuals"])
    def test_a_path_with_the_uid_is_rejected(self, path: str, uid: str) -> None:
        answer = get_client("ama").get(f"/api/v1/social/{path}/{quote(uid[:20_000], safe='')}")
        # With a slash or an empty uid, the path is another one.
        assert_rejected(answer, status=404 if "/" in uid or not uid else 400)


@pytest.mark.parametrize("path", ["followers", "following"])
@pytest.mark.parametrize(
    "query",
    [{"limit": bad} for bad in ("0", "101", "-1", "x", "1.5", "9" * 30, "👻", "1\0")]
    + [{"offset": bad} for bad in ("-1", "x", "1.5", "9" * 2_000)],
)
def test_lists_reject_invalid_limits_and_offsets(path: str, query: dict[str, str]) -> None:
    assert_rejected(get_client("ama").get(f"/api/v1/social/{path}/kofi", query))


@pytest.mark.parametrize("path", ["/api/v1/social/followers/kofi", FOLLOW[0], SYNC[0], BLOCK[0]])
def test_a_token_is_required(path: str) -> None:
    answer = APIClient().get(path) if "followers" in path else APIClient().post(path, {})
    assert_rejected(answer, status=401)
    assert answer["WWW-Authenticate"] == "Bearer"
