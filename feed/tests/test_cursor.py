"""Only the cursor that was given, by the viewer it was given to, for the feed it was given for, in its time."""

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from core.errors import ApiError
from feed import cursor as cursors
from feed.cursor import CURSOR_TTL, Cursor
from feed.tests import world
from finishd.testing.api import get_client, get_feed

NOW = 1_795_000_000
uids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
made = st.builds(
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


def opened(text: str, *, viewer: str = "ama", feed: str = "for_you", now: float = NOW) -> Cursor:
    return cursors.verify(text, viewer=viewer, feed=feed, now=now)


def refusal(text: str, **circumstances: Any) -> str:
    with pytest.raises(ApiError) as refused:
        opened(text, **circumstances)
    assert refused.value.status == 400
    return refused.value.code


@given(made, uids)
def test_what_is_sealed_is_unsealed_by_its_viewer_for_its_feed(cursor: Cursor, uid: str) -> None:
    text = cursors.sign(cursor, viewer=uid)
    assert cursors.verify(text, viewer=uid, feed=cursor.feed, now=NOW) == cursor


@given(st.text(max_size=200))
@example("")
@example(":")
@example("W10:" + "A" * 43)
def test_made_up_ones_are_refused(text: str) -> None:
    assert refusal(text) == "invalid_cursor"


@given(st.data())
def test_one_with_a_single_bit_flipped_is_refused(data: st.DataObject) -> None:
    text = cursors.sign(GIVEN, viewer="ama").encode()
    place, bit = data.draw(st.integers(0, len(text) - 1)), data.draw(st.integers(0, 6))
    flipped = bytes(byte ^ (1 << bit) if n == place else byte for n, byte in enumerate(text))
    assert refusal(flipped.decode()) == "invalid_cursor"


@given(st.data())
def test_one_that_was_cut_or_grew_is_refused(data: st.DataObject) -> None:
    text = cursors.sign(GIVEN, viewer="ama")
    other = data.draw(
        st.sampled_from([text[: data.draw(st.integers(0, len(text) - 1))], text + "A", "A" + text])
    )
    assert refusal(other) == "invalid_cursor"


@given(uids)
def test_another_viewers_is_refused(uid: str) -> None:
    assume(uid != "ama")
    assert refusal(cursors.sign(GIVEN, viewer="ama"), viewer=uid) == "invalid_cursor"


def test_one_of_another_feed_is_refused() -> None:
    assert refusal(cursors.sign(GIVEN, viewer="ama"), feed="trending") == "invalid_cursor"


def test_it_is_good_for_a_day_and_then_says_that_its_time_is_over() -> None:
    text = cursors.sign(GIVEN, viewer="ama")
    assert opened(text, now=NOW + CURSOR_TTL) == GIVEN
    assert refusal(text, now=NOW + CURSOR_TTL + 1) == "cursor_expired"


def test_an_endless_one_is_refused_unread() -> None:
    long = Cursor("for_you", "s", 0, 1, NOW, NOW, tuple(f"item-{n}" for n in range(1_000)))
    assert refusal(cursors.sign(long, viewer="ama")) == "invalid_cursor"


def test_one_outlives_a_change_of_the_secret_key(settings: Any) -> None:
    text = cursors.sign(GIVEN, viewer="ama")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the next key", [settings.SECRET_KEY]
    assert opened(text) == GIVEN
    settings.SECRET_KEY_FALLBACKS = []
    assert refusal(text) == "invalid_cursor"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestOverHttp:
    @pytest.fixture(autouse=True)
    def _feed(self) -> None:
        world.catalogue(40)
        world.build()

    def test_it_survives_the_trip_in_an_address_untouched(self) -> None:
        cursor = get_feed("ama")["meta"]["cursor"]
        assert cursor.isascii()
        assert get_client("ama").get(f"/api/v1/feed?cursor={cursor}").status_code == 200

    def test_an_old_one_is_told_apart_and_never_restarts_silently(
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
    def test_whatever_is_made_up_gets_the_same_clear_answer(self, text: str) -> None:
        answer = get_client("ama").get("/api/v1/feed", {"cursor": text})
        # Blank ones are no cursor at all to the form.
        assert answer.status_code == 400
        assert answer.json()["code"] in {"invalid_cursor", "invalid"}
