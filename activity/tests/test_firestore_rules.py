"""firestore.rules, evaluated by the emulator for a phone with a person's token."""

import base64
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from activity.store.firestore import FirestoreStore, layout
from activity.tests.store_contract import LIKED, follow, record, row, see
from activity.types import Preferences
from finishd.testing.firestore import Database

ALLOWED, DENIED = 200, 403


class Phone:
    """A client of Firestore's REST API. Its token is valid only for the emulator; without `uid` it has none."""

    def __init__(self, database: Database, uid: str | None) -> None:
        headers = {"Authorization": f"Bearer {_token(database.project, uid)}"} if uid else {}
        self._documents = f"http://{database.host}/v1/{database.documents}"
        self._http = httpx.Client(headers=headers, timeout=30)

    def get(self, path: str) -> int:
        with self._http as http:
            return http.get(self._documents + path).status_code

    def write(self, method: str, path: str) -> int:
        body = {"fields": {"uid": {"stringValue": "ama"}, "following": {"integerValue": "7"}}}
        sent = None if method == "DELETE" else body
        with self._http as http:
            return http.request(method, self._documents + path, json=sent).status_code

    def query_all_rows(self) -> int:
        query = {"structuredQuery": {"from": [{"collectionId": "rows", "allDescendants": True}]}}
        with self._http as http:
            return http.post(f"{self._documents}:runQuery", json=query).status_code


def _token(project: str, uid: str) -> str:
    now = int(time.time())
    claims = {
        "sub": uid,
        "user_id": uid,
        "aud": project,
        "iss": f"https://securetoken.google.com/{project}",
        "iat": now,
        "exp": now + 600,
    }
    parts = [base64.urlsafe_b64encode(orjson.dumps(part)) for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(part.rstrip(b"=").decode() for part in parts) + "."


@pytest.fixture
def database(firestore: Database, settings: Any) -> Database:
    """A database with the project's rules and three people: ama, kofi and a/b.

    The emulator has one set of rules per project, and applies it only to the default database.
    """
    database = Database(firestore.host, f"{firestore.project}-rules-{firestore.name}", "(default)")
    settings.FIREBASE_PROJECT_ID, settings.FIRESTORE_DATABASE = database.project, database.name
    database.empty()
    database.load_rules(Path(settings.BASE_DIR, "firestore.rules").read_text())
    store = FirestoreStore()
    for uid in ("ama", "kofi", "a/b"):
        store.save_preferences(uid, Preferences(genres=("drama",), movies=[]))
        see(store, uid, {"item": 1})
        follow(store, uid, "esi")
        record(store, uid, "movie:1", LIKED)
        store.put_timeline_rows([(uid, row("esi", "movie:1"))])
    return database


def test_a_person_can_read_their_own_profile_and_timeline(database: Database) -> None:
    assert Phone(database, "ama").get("/people/ama") == ALLOWED
    assert Phone(database, "ama").get("/timelines/ama/rows") == ALLOWED
    assert Phone(database, "ama").get("/timelines/ama/rows/esi%7Cmovie:1") == ALLOWED


@pytest.mark.parametrize("uid", ["kofi", None])
@pytest.mark.parametrize("path", ["/people/ama", "/timelines/ama/rows", "/timelines/ama/rows/esi%7Cmovie:1"])
def test_others_cannot_read_them(database: Database, path: str, uid: str | None) -> None:
    assert Phone(database, uid).get(path) == DENIED


@pytest.mark.parametrize(
    "path",
    [
        "/people",
        "/people/ama/activities",
        "/people/ama/activities/movie:1",
        "/preferences/ama",
        "/seen/ama",
        "/follows",
        "/follows/ama%7Cesi",
        "/jobs",
        "/jobs/deliver%7Cama%7Cmovie:1",
        "/elsewhere/ama",
    ],
)
def test_other_documents_cannot_be_read(database: Database, path: str) -> None:
    assert Phone(database, "ama").get(path) == DENIED


def test_the_timelines_of_all_people_cannot_be_queried(database: Database) -> None:
    assert Phone(database, "ama").query_all_rows() == DENIED


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/people/ama", "/people/new", "/timelines/ama/rows/esi%7Cmovie:1", "/follows/ama%7Ckofi", "/seen/ama"],
)
def test_phones_cannot_write(database: Database, method: str, path: str) -> None:
    assert Phone(database, "ama").write(method, path) == DENIED
    profile = FirestoreStore().get_profile("ama")
    assert profile is not None
    assert profile.following_count == 1


def test_an_escaped_id_gives_no_access(database: Database) -> None:
    escaped: Any = layout.make_document_id("a/b")
    assert escaped == "a%2Fb"
    assert Phone(database, escaped).get("/people/a%252Fb") == DENIED
    assert Phone(database, escaped).get("/timelines/a%252Fb/rows") == DENIED
