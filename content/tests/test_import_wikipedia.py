"""Rows of Wikipedia's lists of films."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from content.importing.errors import RejectedRow
from content.importing.formats import wikipedia
from content.models import Item
from content.tests.imports import import_files, write_json

ImportFilms = Callable[..., list[int | None]]


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


def film(year: int, page: str = "The_Italian_Job", title: str = "The Italian Job") -> dict[str, Any]:
    return {"title": title, "year": year, "href": page, "extract": f"The film of {year}."}


@pytest.mark.django_db
class TestRemakes:
    @pytest.fixture(params=["one import", "one import each"])
    def import_films(self, request: pytest.FixtureRequest, tmp_path: Path) -> ImportFilms:
        """Import films in this order. Return the years that are stored."""

        def run(*films: dict[str, Any]) -> list[int | None]:
            runs = [list(films)] if request.param == "one import" else [[each] for each in films]
            for number, rows in enumerate(runs):
                path = write_json(tmp_path / f"{number}.json", rows)
                import_files(path, report=tmp_path / "report", format="wikipedia")
            return list(Item.objects.order_by("release_year").values_list("release_year", flat=True))

        return run

    @pytest.mark.parametrize("years", [(1969, 2003), (2003, 1969), (1969, 1972), (1950, 1969, 2003)])
    def test_films_of_one_page_three_or_more_years_apart_are_different(
        self, years: tuple[int, ...], import_films: ImportFilms
    ) -> None:
        assert import_films(*map(film, years)) == sorted(years)
        ids = set(Item.objects.values_list("id", flat=True))
        import_films(*map(film, years))
        assert set(Item.objects.values_list("id", flat=True)) == ids

    def test_a_film_in_the_lists_of_two_years_is_one_item(self, import_films: ImportFilms) -> None:
        assert len(import_films(film(2009), film(2011))) == 1

    def test_the_id_of_a_remake_has_its_year(self, import_films: ImportFilms) -> None:
        import_films(film(1969), film(2003))
        ids = dict(Item.objects.values_list("release_year", "id"))
        assert ids[1969].startswith("the-italian-job-")
        assert ids[2003].startswith("the-italian-job-2003-")


@pytest.mark.parametrize("year", [-1, 3000, "2000", 1999.5, True])
def test_a_film_with_an_invalid_year_is_rejected(year: Any) -> None:
    with pytest.raises(RejectedRow, match=r"^year: "):
        wikipedia.parse_row({"title": "X", "year": year})
