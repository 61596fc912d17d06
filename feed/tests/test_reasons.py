"""The reason that names the friends who recommend a title."""

from typing import Any

import pytest

from activity.types import TimelineRow
from feed.sources.supporters import make_reason, make_reason_starts
from feed.tests.source_tools import make_row


def get_reason(supporters: list[TimelineRow]) -> str:
    return make_reason(supporters, {r.author: (r.author_name, None) for r in supporters})


class TestReasons:
    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"favorite": True}, "Kofi liked this"),
            ({"rating": 4}, "Kofi liked this"),
            ({"status": "finished"}, "Kofi watched this"),
            ({"status": "finished", "rating": 3}, "Kofi liked this"),
            ({"status": "finished", "rating": 1, "favorite": True}, "Kofi liked this"),
            ({"status": "watching"}, "Kofi is watching this"),
            ({"status": "watchlist"}, "Kofi wants to watch this"),
            ({"status": "watching", "author_name": None}, "Someone you follow is watching this"),
        ],
    )
    def test_the_reason_of_one_friend(self, values: dict[str, Any], reason: str) -> None:
        assert get_reason([make_row("kofi", **values)]) == reason

    @pytest.mark.parametrize(
        ("supporters", "reason"),
        [
            (
                [make_row("kofi", status="watching"), make_row("mei", status="watching")],
                "Kofi and 1 other are watching this",
            ),
            (
                [
                    make_row("kofi", favorite=True),
                    make_row("mei", rating=5),
                    make_row("zuri", status="finished"),
                ],
                "Kofi and 2 others liked this",
            ),
            # The strongest verb, and the newest of its rows.
            (
                [
                    make_row("kofi", status="watchlist"),
                    make_row("mei", status="finished"),
                    make_row("zuri", status="finished"),
                ],
                "Mei and 2 others watched this",
            ),
            (
                [make_row("kofi", status="watchlist"), make_row("mei", status="watchlist")],
                "Kofi and 1 other want to watch this",
            ),
            (
                [make_row("x", favorite=True, author_name=""), make_row("mei", status="watching")],
                "Someone you follow and 1 other liked this",
            ),
        ],
    )
    def test_the_reason_of_several_friends(self, supporters: list[TimelineRow], reason: str) -> None:
        assert get_reason(supporters) == reason

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("A" * 40, "A" * 40),
            ("A" * 200, "A" * 39 + "…"),
            # An accent counts with its letter.
            ("e\N{COMBINING ACUTE ACCENT}" * 100, "é" * 39 + "…"),
        ],
    )
    def test_a_long_name_is_cut_off(self, name: str, shown: str) -> None:
        reason = get_reason([make_row("kofi", favorite=True, author_name=name)])
        assert reason == f"{shown} liked this"
        assert any(reason.startswith(start) for start in make_reason_starts(name))
