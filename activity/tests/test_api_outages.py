"""Responses while the activity store is unavailable."""

from typing import Any

import pytest

from activity import keys
from activity.store import get_store
from activity.tests.api_steps import (
    BLOCK,
    FOLLOW,
    SYNC,
    ok,
    sync,
)
from core.redis.client import state_redis
from finishd.testing.api import get_client
from finishd.testing.people import Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("active_people"),
]


class TestStoreUnavailable:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (SYNC, {"title_id": "603", "media_type": "movie", "is_favorite": True}),
            (FOLLOW, {"target_uid": "kofi", "action": "follow"}),
            (FOLLOW, {"target_uid": "kofi", "action": "unfollow"}),
            (BLOCK, {"target_uid": "kofi", "action": "block"}),
            ("/api/v1/user/preferences/sync", {"selectedGenres": ["drama"]}),
        ],
    )
    def test_writes_return_503_and_change_nothing(
        self, messages: Messages, request: pytest.FixtureRequest, path: str, body: dict[str, Any]
    ) -> None:
        sync("ama", 1)
        outage: pytest.MonkeyPatch = request.getfixturevalue("activity_store_unavailable")
        answer = get_client("ama").post(path, body)
        assert answer.status_code == 503, answer.content
        assert answer.json()["error"] is True
        assert int(answer["Retry-After"]) >= 1
        assert messages.waiting == []
        outage.undo()
        assert get_store().get_activities("ama") == []
        assert get_store().get_due_jobs(now=3e9) == []
        assert get_store().get_existing_edges([("ama", "kofi")]) == set()

    @pytest.mark.parametrize("path", ["followers/ama", "following/ama", "stats/ama", "mutuals/ama"])
    def test_lists_return_503(self, path: str, activity_store_unavailable: pytest.MonkeyPatch) -> None:
        answer = get_client("ama").get(f"/api/v1/social/{path}")
        assert answer.status_code == 503
        assert answer.json()["statusCode"] == 503

    def test_the_feed_is_degraded(self, activity_store_unavailable: pytest.MonkeyPatch) -> None:
        for key in (keys.PROFILE, keys.TIMELINE, keys.SEEN_ITEMS):
            state_redis().delete(key.name(viewer="ama"))
        page = ok(get_client("ama").get("/api/v1/feed"))
        assert "profile" in page["meta"]["degraded"]
