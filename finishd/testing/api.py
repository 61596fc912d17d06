"""Call the API as a phone does: with real tokens, all middleware, and parsed responses."""

import time
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from rest_framework.test import APIClient

from core.auth import devkeys

Json = dict[str, Any]
THROTTLE_ROUND_TRIPS: Final = 1  # of each request, for the user and the address together


@cache
def get_token(uid: str) -> str:
    """Return a valid token, signed with the development key of this run."""
    folder = Path(settings.FIREBASE_KEYS_FILE).parent
    return devkeys.sign_token(
        folder, uid=uid, project=settings.FIREBASE_PROJECT_ID, now=time.time(), name=uid.title()
    )


def get_client(uid: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {get_token(uid)}")
    return client


def get_feed(uid: str, **query: Any) -> Json:
    """Return a page of the feed. Assert that the response is 200."""
    response = get_client(uid).get("/api/v1/feed", query)
    assert response.status_code == 200, response.content
    page: Json = response.json()
    return page


def walk_feed(uid: str, *, pages: int = 1_000, **query: Any) -> list[Json]:
    """Follow the cursor until `hasMore` is false, for at most `pages` pages."""
    walked = [get_feed(uid, **query)]
    query.pop("refresh", None)
    while walked[-1]["meta"]["hasMore"] and len(walked) < pages:
        walked.append(get_feed(uid, cursor=walked[-1]["meta"]["cursor"], **query))
    return walked


def get_item_ids(*pages: Json) -> list[str]:
    return [item["id"] for page in pages for item in page["feed"]]
