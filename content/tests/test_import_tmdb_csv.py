"""Rows of TMDB exports."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.importing.errors import RejectedRow
from content.importing.formats import tmdb_csv
from content.models import Item
from content.tests.imports import import_files, write_csv


@pytest.mark.parametrize(
    "cell",
    [
        '[{"id": 28, "name": "Action"}, {"id": 878, "name": "Science Fiction"}]',
        "[{'id': 28, 'name': 'Action'}, {'id': 878, 'name': 'Science Fiction'}]",
        "[28, 878]",
        "Action, Science Fiction",
        "Action|Sci-Fi",
        '["Action", "SCIFI"]',
    ],
)
@pytest.mark.django_db
def test_genres_may_be_json_a_python_literal_or_names(cell: str, tmp_path: Path) -> None:
    row = [603, "The Matrix", cell, "A hacker …", "85.5", "/p.jpg", "1999-03-31", "8.2"]
    import_files(write_csv(tmp_path / "a.csv", [row]), report=tmp_path / "r", format="tmdb-csv")
    item = Item.objects.get()
    assert (item.id, item.title_key, item.content_type) == ("tmdb-movie-603", "movie:603", "image")
    assert (item.popularity, item.vote_average, str(item.release_date)) == (85.5, 8.2, "1999-03-31")
    assert [link.genre.slug for link in item.item_genres.all()] == ["action", "science-fiction"]


def test_empty_cells_are_missing_values() -> None:
    row = tmdb_csv.parse_row(
        {"id": "1", "title": "X", "genres": "", "popularity": "", "vote_average": " ", "overview": ""}
    )
    assert row.columns["popularity"] == 0.0
    assert row.columns["vote_average"] is None
    assert row.columns["overview"] is None
    assert "release_date" not in row.columns
    assert row.genres == ()


def test_tables_of_series_are_detected_by_their_columns() -> None:
    assert tmdb_csv.parse_row({"id": "1396", "name": "Dark", "genres": "[18]"}).id == "tmdb-tv-1396"
    dated = tmdb_csv.parse_row({"id": "1396", "title": "Dark", "genres": "", "first_air_date": "2017-12-01"})
    assert (dated.id, str(dated.columns["release_date"])) == ("tmdb-tv-1396", "2017-12-01")
    assert tmdb_csv.parse_row({"id": "5", "title": "X", "genres": "", "media_type": "tv"}).id == "tmdb-tv-5"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "id: missing"),
        ({"id": "tt0133093"}, "id: 'tt0133093' is not a whole number"),
        ({"id": "nan"}, "id: "),
        ({"title": ""}, "title: missing"),
        ({"popularity": "high"}, "popularity: 'high' is not a number"),
        ({"vote_average": "inf"}, "vote_average"),
        ({"release_date": "31.3.1999"}, "release_date"),
        ({"genres": "[{'id': 28"}, "genres: neither JSON nor a Python literal"),
        ({"genres": "[__import__('os')]"}, "genres: neither JSON nor a Python literal"),
        ({"genres": "{'id': 28}"}, "genres: not a list"),
        ({"genres": "[" + "[" * 9_000}, "genres"),
        ({"genres": "[" * 20_000}, "genres: contains a NUL character or is too long"),
        ({"genres": "['\\ud800']"}, "genres: contains an unpaired surrogate"),
        ({"overview": "a\0b"}, "overview: contains a NUL character"),
        ({"adult": "True"}, "adult: adult titles are not imported"),
        ({"adult": "maybe"}, "adult: 'maybe' is not true or false"),
    ],
)
def test_rejections_give_the_reason(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(RejectedRow) as error:
        tmdb_csv.parse_row({"id": "603", "title": "The Matrix", "genres": "[]", **changes})
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "1", "name": "", "genres": ""}, "name: missing"),
        (
            {"id": "1", "name": "Dark", "genres": "", "first_air_date": "soon"},
            "first_air_date: 'soon' is not",
        ),
        ({"id": "1", "title": "X", "genre_ids": "[28"}, "genre_ids: neither JSON nor a Python literal"),
        ({"id": "1", "title": "X", "genre_ids": "[1.5]"}, "genre_ids: 1.5 is not a whole number"),
    ],
)
def test_a_reason_names_the_column_of_the_file(row: dict[str, str], reason: str) -> None:
    with pytest.raises(RejectedRow) as error:
        tmdb_csv.parse_row(row)
    assert str(error.value).startswith(reason)


@pytest.mark.parametrize("cell", ["", "False", "false", "0", " FALSE "])
def test_titles_that_are_not_adult_are_imported(cell: str) -> None:
    assert tmdb_csv.parse_row({"id": "1", "title": "X", "genres": "", "adult": cell}).id == "tmdb-movie-1"


@given(
    st.dictionaries(
        st.sampled_from([*tmdb_csv.TEXT_COLUMNS, "genres", "popularity", "release_date"]), st.text()
    )
)
def test_every_row_is_rejected_or_fits_the_database(wild: dict[str, str]) -> None:
    try:
        row = tmdb_csv.parse_row({"id": "1", "title": "X", **wild})
    except RejectedRow:
        return
    item = Item(id=row.id, title_key="x", **row.columns)
    item.clean_fields()
    assert (item.id, item.title) == ("tmdb-movie-1", "X")
