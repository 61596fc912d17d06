"""Rows of the master format."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from content.importing.errors import RejectedRow
from content.importing.formats import Row, master
from content.models import Item
from content.services.genres import GenreMention
from content.tests.imports import import_files, master_item, read_rows, write_json


@pytest.mark.django_db
def test_the_values_of_a_row_are_stored(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [master_item("x", contentType="Clip", tmdbId=603.0)])
    import_files(tmp_path / "a.json", report=tmp_path / "r")
    item = Item.objects.get()
    assert (item.id, item.content_type, item.title_key) == ("x", "clip", "movie:603")
    assert (item.overview, item.poster_path) == ("A hacker learns what the world is.", "/poster.jpg")
    assert (item.vote_average, item.popularity, str(item.release_date)) == (8.2, 85.5, "1999-03-31")
    assert [link.genre.slug for link in item.item_genres.all()] == ["action", "science-fiction"]


def test_snake_case_keys_are_read_and_keys_of_staff_are_ignored() -> None:
    row = master.parse_row(
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
def test_a_row_without_an_id_always_gets_the_same_id(keys: dict[str, Any], item_id: str) -> None:
    assert master.parse_row({"title": "The Matrix", **keys}).id == item_id


@pytest.mark.parametrize("empty", [None, "", " "])
def test_an_item_without_content_type_is_a_trailer_if_it_has_a_video(empty: str | None) -> None:
    with_video = master.parse_row({"title": "Heat", "contentType": empty, "youtubeKey": "vKQi3bBA1y8"})
    without_video = master.parse_row({"title": "Heat", "contentType": empty, "youtubeKey": empty})
    assert with_video.columns["content_type"] == "trailer"
    assert without_video.columns["content_type"] == "image"


def test_rows_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [master_item(f"i{n}") for n in range(50)])
    assert [row.id for row in read_rows(path)] == [f"i{n}" for n in range(50)]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
plausible = st.fixed_dictionaries(
    {"title": st.text(min_size=1, max_size=20)},
    optional={
        "id": st.text(max_size=70),
        "contentType": st.sampled_from(["trailer", "", " ", None]),
        "mediaType": st.sampled_from(["movie", "tv", "", None]),
        "tmdbId": st.integers(0, 2**33),
        "releaseDate": st.dates().map(str),
        "popularity": st.floats(0, 1e13),
        "voteAverage": st.floats(0, 11),
        "genres": st.lists(st.text(max_size=10) | st.integers(0, 99999), max_size=4),
        "overview": st.text(),
    },
)
keys = st.sampled_from(sorted(master.KEYS))


@given(plausible, st.dictionaries(keys, anything, max_size=2))
def test_every_row_is_rejected_or_fits_the_database(valid: dict[str, Any], wild: dict[str, Any]) -> None:
    try:
        row = master.parse_row(valid | wild)
    except RejectedRow:
        return
    item = Item(id=row.id, title_key="x", **row.columns)
    try:
        item.clean_fields()
    except ValidationError as error:
        pytest.fail(f"{row} does not fit: {error}")
    assert item.title
