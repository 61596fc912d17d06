"""What a row means in each format, and which rows cannot go in."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from content.importing import formats
from content.importing.errors import RejectedRow
from content.importing.formats import Row
from content.models import Item
from content.services.genres import GenreMention
from content.tests.importing import GOOD, master_item, read, run, write_csv, write_json

BAD_ROWS: dict[str, tuple[Any, str]] = {
    "no title": (master_item("x", title=None), "title: missing"),
    "a blank title": (master_item("x", title=" \t"), "title: missing"),
    "a title of the wrong type": (master_item("x", title=7), "title: 7 is not text"),
    "a title too long": (master_item("x", title="x" * 301), "title: 301 characters"),
    "an id too long": (master_item("x" * 65), "id: 65 characters, at most 64 fit"),
    "an id with a blank": (master_item("x y"), "id: holds a blank"),
    "an id that is a number": (master_item("x", id=7), "id: 7 is not text"),
    "an id that is a list": (master_item("x", id=["x"]), "id: ['x'] is not text"),
    "a blank id": (master_item("x", id=" "), "id: missing"),
    "a NUL character": (master_item("x", overview="a\0b"), "overview: holds a NUL character"),
    "a NUL character in the id": (master_item("x", id="x\0"), "id: holds a NUL character"),
    "a NUL character in a genre": (master_item("x", genres=["a\0"]), "genres: holds a NUL character"),
    "no date": (master_item("x", releaseDate="soon"), "release_date: 'soon' is no date"),
    "a day that is not": (master_item("x", releaseDate="2023-02-29"), "release_date"),
    "a short date": (master_item("x", releaseDate="20230228"), "release_date"),
    "a date in another order": (master_item("x", releaseDate="28/02/2023"), "release_date"),
    "a date that is a number": (master_item("x", releaseDate=1999), "release_date: 1999 is not text"),
    "a date before film": (master_item("x", releaseDate="0001-01-01"), "release_date: 1 is not a year"),
    "a number that is text": (master_item("x", popularity="85.5"), "popularity: '85.5' is not a number"),
    "a number that is true": (master_item("x", popularity=True), "popularity: True is not a number"),
    "a number below zero": (master_item("x", popularity=-1), "popularity: -1 is not between"),
    "a rating above ten": (master_item("x", voteAverage=10.1), "vote_average: 10.1 is not between 0 and 10"),
    "a broken TMDB id": (master_item("x", tmdbId=603.5), "tmdb_id: 603.5 is not a whole number"),
    "a huge TMDB id": (master_item("x", tmdbId=10**30), "tmdb_id"),
    "a huger number": (master_item("x", popularity=10**400), "popularity"),
    "a TMDB id of zero": (master_item("x", tmdbId=0), "tmdb_id"),
    "an unknown content type": (master_item("x", contentType="poem"), "content_type: 'poem' is none of"),
    "an unknown media type": (master_item("x", mediaType="radio"), "media_type: 'radio' is none of"),
    "a whole address as path": (master_item("x", posterPath="https://x/y.jpg"), "does not begin with /"),
    "a script as address": (master_item("x", imageUrl="javascript:alert(1)"), "does not begin with https"),
    "genres as text": (master_item("x", genres="Drama"), "genres: 'Drama' is not a list"),
    "a genre of nothing": (master_item("x", genres=["Drama", None]), "genres: None is not a genre"),
    "a genre of signs": (master_item("x", genres=["???"]), "genres: not a genre"),
    "a genre too long": (master_item("x", genres=["x" * 65]), "genres: not a genre"),
    "a genre of the wrong type": (master_item("x", genres=[["Drama"]]), "genres: ['Drama'] is not"),
    "too many genres": (master_item("x", genres=list(range(1, 30))), "genres: 29 of them"),
    "not an object": (["x"], "not an object"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_named_with_file_row_and_reason_and_the_rest_goes_in(kind: str, tmp_path: Path) -> None:
    row, reason = BAD_ROWS[kind]
    path = write_json(tmp_path / "master_content.json", [GOOD, row, master_item("last")])
    rejected = run(path, report=tmp_path / "report.jsonl")
    assert [(line["file"], line["row"]) for line in rejected] == [(str(path), 2)]
    assert reason in rejected[0]["reason"]
    assert set(Item.objects.values_list("id", flat=True)) == {"good", "last"}


@pytest.mark.django_db
def test_every_key_of_a_master_row_arrives(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [master_item("x", contentType="Clip", tmdbId=603.0)])
    run(tmp_path / "a.json", report=tmp_path / "r")
    item = Item.objects.get()
    assert (item.id, item.content_type, item.title_key) == ("x", "clip", "movie:603")
    assert (item.overview, item.poster_path) == ("A hacker learns what the world is.", "/poster.jpg")
    assert (item.vote_average, item.popularity, str(item.release_date)) == (8.2, 85.5, "1999-03-31")
    assert [link.genre.slug for link in item.item_genres.all()] == ["action", "science-fiction"]


def test_snake_case_keys_are_taken_and_ours_are_not() -> None:
    row = formats.master(
        {"id": "x", "title": "X", "media_type": "TV", "tmdb_id": 1396, "poster_path": "/p.jpg", "genre_ids": [18],
         "status": "published", "staffBoost": 10, "staff_boost": 10, "hidden": True, "likeCount": 9, "version": 7}
    )  # fmt: skip
    assert row == Row(
        "x",
        {"title": "X", "media_type": "tv", "tmdb_id": 1396, "poster_path": "/p.jpg", "content_type": "image"},
        (GenreMention(18),),
    )


@pytest.mark.parametrize(
    ("keys", "item_id"),
    [
        ({"youtubeKey": "vKQi3bBA1y8", "tmdbId": 603, "mediaType": "movie"}, "vKQi3bBA1y8"),
        ({"tmdbId": 603, "mediaType": "movie", "contentType": "clip"}, "tmdb-movie-603-clip"),
        ({"releaseDate": "1999-03-31"}, "the-matrix-1999-e3ed2ca363"),
        ({}, "the-matrix-c4c48cf68d"),
    ],
)
def test_a_master_row_without_id_gets_the_same_one_on_every_run(keys: dict[str, Any], item_id: str) -> None:
    assert formats.master({"title": "The Matrix", **keys}).id == item_id


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
def test_genres_of_a_tmdb_export_may_be_json_python_or_names(cell: str, tmp_path: Path) -> None:
    row = [603, "The Matrix", cell, "A hacker …", "85.5", "/p.jpg", "1999-03-31", "8.2"]
    run(write_csv(tmp_path / "a.csv", [row]), report=tmp_path / "r", format="tmdb-csv")
    item = Item.objects.get()
    assert (item.id, item.title_key, item.content_type) == ("tmdb-movie-603", "movie:603", "image")
    assert (item.popularity, item.vote_average, str(item.release_date)) == (85.5, 8.2, "1999-03-31")
    assert [link.genre.slug for link in item.item_genres.all()] == ["action", "science-fiction"]


def test_empty_cells_are_absent_values() -> None:
    row = formats.tmdb(
        {"id": "1", "title": "X", "genres": "", "popularity": "", "vote_average": " ", "overview": ""}
    )
    assert row.columns["popularity"] == 0.0
    assert row.columns["vote_average"] is None
    assert row.columns["overview"] is None
    assert "release_date" not in row.columns
    assert row.genres == ()


def test_tables_of_series_are_told_by_their_columns() -> None:
    assert formats.tmdb({"id": "1396", "name": "Dark", "genres": "[18]"}).id == "tmdb-tv-1396"
    dated = formats.tmdb({"id": "1396", "title": "Dark", "genres": "", "first_air_date": "2017-12-01"})
    assert (dated.id, str(dated.columns["release_date"])) == ("tmdb-tv-1396", "2017-12-01")
    assert formats.tmdb({"id": "5", "title": "X", "genres": "", "media_type": "tv"}).id == "tmdb-tv-5"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "id: missing"),
        ({"id": "tt0133093"}, "tmdb_id: 'tt0133093' is not a whole number"),
        ({"id": "nan"}, "tmdb_id"),
        ({"title": ""}, "title: missing"),
        ({"popularity": "high"}, "popularity: 'high' is not a number"),
        ({"vote_average": "inf"}, "vote_average"),
        ({"release_date": "31.3.1999"}, "release_date"),
        ({"genres": "[{'id': 28"}, "genres: neither JSON nor a Python literal"),
        ({"genres": "[__import__('os')]"}, "genres: neither JSON nor a Python literal"),
        ({"genres": "{'id': 28}"}, "genres: not a list"),
        ({"genres": "[" + "[" * 9_000}, "genres"),
        ({"genres": "[" * 20_000}, "genres: holds a NUL character or is too long"),
        ({"genres": "['\\ud800']"}, "genres: holds half of a character"),
        ({"overview": "a\0b"}, "overview: holds a NUL character"),
    ],
)
def test_a_bad_row_of_a_tmdb_export_says_why(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(RejectedRow) as error:
        formats.tmdb({"id": "603", "title": "The Matrix", "genres": "[]", **changes})
    assert reason in str(error.value)


def test_a_wikipedia_film_knows_its_year_and_claims_no_date() -> None:
    row = formats.wikipedia(
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
        # Two films of one series, which has one page.
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
        # Alike as far as an id reaches, or in the letters that it may hold.
        {"title": "Long", "year": 2000, "href": "A" * 80 + "1"},
        {"title": "Long", "year": 2000, "href": "A" * 80 + "2"},
        {"title": "Драма", "year": 2000, "href": None},
        {"title": "Комедия", "year": 2000, "href": None},
        {"title": "What?", "year": 2000, "href": None},
        {"title": "What!", "year": 2000, "href": None},
    ]
    ids = [formats.wikipedia(film).id for film in films]
    assert len(set(ids)) == len(films)
    assert all(len(item_id) <= 64 for item_id in ids)


def test_one_page_under_one_title_is_one_film_whatever_the_year() -> None:
    first, again = ({"title": "Dogtooth", "year": year, "href": "Dogtooth_(film)"} for year in (2009, 2010))
    assert formats.wikipedia(first).id == formats.wikipedia(again).id


@pytest.mark.parametrize("year", [-1, 3000, "2000", 1999.5, True])
def test_a_wikipedia_film_of_no_year_is_a_bad_row(year: Any) -> None:
    with pytest.raises(RejectedRow, match="release_year"):
        formats.wikipedia({"title": "X", "year": year})


def test_read_rows_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [master_item(f"i{n}") for n in range(50)])
    assert [row.id for row in read(path)] == [f"i{n}" for n in range(50)]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
plausible = st.fixed_dictionaries(
    {"title": st.text(min_size=1, max_size=20)},
    optional={
        "id": st.text(max_size=70),
        "mediaType": st.sampled_from(["movie", "tv", "", None]),
        "tmdbId": st.integers(0, 2**33),
        "releaseDate": st.dates().map(str),
        "popularity": st.floats(0, 1e13),
        "voteAverage": st.floats(0, 11),
        "genres": st.lists(st.text(max_size=10) | st.integers(0, 99999), max_size=4),
        "overview": st.text(),
    },
)
keys = st.sampled_from(sorted(formats._MASTER_KEYS))


@given(plausible, st.dictionaries(keys, anything, max_size=2))
def test_whatever_a_master_row_holds_it_is_refused_or_fits_the_database(
    good: dict[str, Any], wild: dict[str, Any]
) -> None:
    try:
        row = formats.master(good | wild)
    except RejectedRow:
        return
    try:
        Item(id=row.id, title_key="x", **row.columns).clean_fields()
    except ValidationError as error:
        pytest.fail(f"{row} does not fit: {error}")


@given(
    st.dictionaries(
        st.sampled_from([*formats._TMDB_TEXTS, "genres", "popularity", "release_date"]), st.text()
    )
)
def test_whatever_a_tmdb_row_holds_it_is_refused_or_fits_the_database(wild: dict[str, str]) -> None:
    try:
        row = formats.tmdb({"id": "1", "title": "X", **wild})
    except RejectedRow:
        return
    Item(id=row.id, title_key="x", **row.columns).clean_fields()
