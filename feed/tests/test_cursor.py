"""A cursor is valid for its viewer and feed type, unchanged and for a day."""

import json
import random
import string
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from core.errors import ApiError
from feed import cursor as cursors
from feed.cursor import CURSOR_TTL, Cursor
from feed.services import pages
from feed.tests import world
from finishd.testing.api import get_client, get_feed

NOW = 1_795_000_000
uids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
any_cursor = st.builds(
    Cursor,
    feed=st.sampled_from(["for_you", "trending"]),
    session=st.text("0123456789abcdef", min_size=16, max_size=16),
    position=st.integers(0, 2_000),
    page=st.integers(1, 2_000),
    session_started=st.integers(0, NOW),
    issued_at=st.just(NOW),
    unrecorded_items=st.lists(st.text(min_size=1, max_size=20), max_size=10).map(tuple),
)
GIVEN = Cursor("for_you", "0123456789abcdef", 40, 2, NOW - 60, NOW, ("stand-in",))


def verify(text: str, *, viewer: str = "ama", feed: str = "for_you", now: float = NOW) -> Cursor:
    return cursors.verify(text, viewer=viewer, feed=feed, now=now)


def get_refusal_code(text: str, **circumstances: Any) -> str:
    with pytest.raises(ApiError) as refused:
        verify(text, **circumstances)
    assert refused.value.status == 400
    return refused.value.code


@given(any_cursor, uids)
def test_a_signed_cursor_is_verified_for_its_viewer_and_feed_type(cursor: Cursor, uid: str) -> None:
    text = cursors.sign(cursor, viewer=uid)
    assert cursors.verify(text, viewer=uid, feed=cursor.feed, now=NOW) == cursor


@given(st.text(max_size=200))
@example("")
@example(":")
@example("W10:" + "A" * 43)
def test_an_invented_cursor_is_refused(text: str) -> None:
    assert get_refusal_code(text) == "invalid_cursor"


@given(st.data())
def test_a_cursor_with_a_flipped_bit_is_refused(data: st.DataObject) -> None:
    text = cursors.sign(GIVEN, viewer="ama").encode()
    index, bit = data.draw(st.integers(0, len(text) - 1)), data.draw(st.integers(0, 6))
    flipped = bytes(byte ^ (1 << bit) if n == index else byte for n, byte in enumerate(text))
    assert get_refusal_code(flipped.decode()) == "invalid_cursor"


@given(st.data())
def test_a_shortened_or_lengthened_cursor_is_refused(data: st.DataObject) -> None:
    text = cursors.sign(GIVEN, viewer="ama")
    other = data.draw(
        st.sampled_from([text[: data.draw(st.integers(0, len(text) - 1))], text + "A", "A" + text])
    )
    assert get_refusal_code(other) == "invalid_cursor"


@given(uids)
def test_another_viewers_cursor_is_refused(uid: str) -> None:
    assume(uid != "ama")
    assert get_refusal_code(cursors.sign(GIVEN, viewer="ama"), viewer=uid) == "invalid_cursor"


def test_a_cursor_of_another_feed_type_is_refused() -> None:
    assert get_refusal_code(cursors.sign(GIVEN, viewer="ama"), feed="trending") == "invalid_cursor"


def test_a_cursor_expires_after_a_day() -> None:
    text = cursors.sign(GIVEN, viewer="ama")
    assert verify(text, now=NOW + CURSOR_TTL) == GIVEN
    assert get_refusal_code(text, now=NOW + CURSOR_TTL + 1) == "cursor_expired"


def test_a_cursor_that_is_too_long_is_refused() -> None:
    assert get_refusal_code(cursors.sign(cursor_with_items(10_000), viewer="ama")) == "invalid_cursor"


@pytest.mark.parametrize("max_chars", [pages.MAX_UNRECORDED_CHARS, pages.MAX_REJECTED_CHARS])
def test_a_cursor_with_all_items_that_a_page_may_add_is_accepted(max_chars: int) -> None:
    issued = cursor_with_items(max_chars)
    assert verify(cursors.sign(issued, viewer="ama")) == issued


def cursor_with_items(max_chars: int) -> Cursor:
    """Return a cursor with as many unrecorded items of random letters as `max_chars` of JSON allow."""
    rng = random.Random(7)
    ids: list[str] = []
    while len(json.dumps(ids)) <= max_chars:
        ids.append("".join(rng.choices(string.ascii_letters + string.digits + "-_", k=rng.randint(8, 30))))
    return Cursor("for_you", "s" * 16, 1_999, 200, NOW, NOW, tuple(ids[:-1]))


def test_a_cursor_is_valid_after_the_secret_key_was_rotated(settings: Any) -> None:
    text = cursors.sign(GIVEN, viewer="ama")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the next key", [settings.SECRET_KEY]
    assert verify(text) == GIVEN
    settings.SECRET_KEY_FALLBACKS = []
    assert get_refusal_code(text) == "invalid_cursor"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestOverHttp:
    @pytest.fixture(autouse=True)
    def _feed(self) -> None:
        world.catalogue(40)
        world.build()

    def test_a_cursor_needs_no_escaping_in_a_url(self) -> None:
        cursor = get_feed("ama")["meta"]["cursor"]
        assert cursor.isascii()
        assert get_client("ama").get(f"/api/v1/feed?cursor={cursor}").status_code == 200

    def test_an_expired_cursor_has_its_own_code_and_starts_no_session(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cursor = get_feed("ama")["meta"]["cursor"]
        monkeypatch.setattr(cursors, "CURSOR_TTL", -1)
        answer = get_client("ama").get("/api/v1/feed", {"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_expired")
        assert "feed" not in answer.json()

    @given(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50)
    )
    def test_every_invented_cursor_gets_a_400(self, text: str) -> None:
        answer = get_client("ama").get("/api/v1/feed", {"cursor": text})
        # The serializer treats a blank cursor as none and rejects it.
        assert answer.status_code == 400
        assert answer.json()["code"] in {"invalid_cursor", "invalid"}
