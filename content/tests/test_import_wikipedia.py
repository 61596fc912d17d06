"""Rows of Wikipedia's lists of films."""

from typing import Any

import pytest

from content.importing.errors import RejectedRow
from content.importing.formats import wikipedia


def test_a_film_has_a_year_of_release_and_no_date() -> None:
    row = wikipedia.parse_row(
        {"title": "102 Dalmatians", "year": 2000, "cast": [], "genres": ["Comedy", "Animated"],
         "href": "102_Dalmatians", "extract": "A film.", "thumbnail": "https://upload.example/d.jpg",
         "thumbnail_width": 220}
    )  # fmt: skip
    assert row.id == "102-dalmatians-f89456b117"
    assert row.columns == {
        "title": "102 Dalmatians",
        "content_type": "image",
        "media_type": "movie",
        "overview": "A film.",
        "thumbnail_url": "https://upload.example/d.jpg",
        "image_url": "https://upload.example/d.jpg",
        "release_year": 2000,
    }


def test_different_films_never_share_an_id() -> None:
    films = [
        {"title": "Swan Song", "year": 2021, "href": "Swan_Song_(Todd_Stephens_film)"},
        {"title": "Swan Song", "year": 2021, "href": "Swan_Song_(2021_Benjamin_Cleary_film)"},
        {"title": "Swan Song", "year": 2021, "href": None},
        {"title": "Swan Song", "year": 2020},
        # Two films of a series share one page.
        {
            "title": "Strawberry Shortcake: The Berryfest Princess Movie",
            "year": 2010,
            "href": "Strawberry_Shortcake",
        },
        {
            "title": "Strawberry Shortcake: The Glimmerberry Ball Movie",
            "year": 2010,
            "href": "Strawberry_Shortcake",
        },
        # Ids are cut at 64 characters and contain ASCII only.
        {"title": "Long", "year": 2000, "href": "A" * 80 + "1"},
        {"title": "Long", "year": 2000, "href": "A" * 80 + "2"},
        {"title": "Драма", "year": 2000, "href": None},
        {"title": "Комедия", "year": 2000, "href": None},
        {"title": "What?", "year": 2000, "href": None},
        {"title": "What!", "year": 2000, "href": None},
    ]
    ids = [wikipedia.parse_row(film).id for film in films]
    assert len(set(ids)) == len(films)
    assert all(len(item_id) <= 64 for item_id in ids)


def test_rows_with_the_same_page_and_title_are_the_same_film() -> None:
    first, again = ({"title": "Dogtooth", "year": year, "href": "Dogtooth_(film)"} for year in (2009, 2010))
    assert wikipedia.parse_row(first).id == wikipedia.parse_row(again).id


@pytest.mark.parametrize("year", [-1, 3000, "2000", 1999.5, True])
def test_a_film_with_an_invalid_year_is_rejected(year: Any) -> None:
    with pytest.raises(RejectedRow, match="release_year"):
        wikipedia.parse_row({"title": "X", "year": year})
