"""Rejected rows of the master format, with their reasons."""

from pathlib import Path
from typing import Any

import pytest

from content.models import Item
from content.tests.imports import VALID_ROW, import_files, master_item, write_json

REJECTED_ROWS: dict[str, tuple[Any, str]] = {
    "no title": (master_item("x", title=None), "title: missing"),
    "a blank title": (master_item("x", title=" \t"), "title: missing"),
    "a title of the wrong type": (master_item("x", title=7), "title: 7 is not text"),
    "a title too long": (master_item("x", title="x" * 301), "title: 301 characters"),
    "an id too long": (master_item("x" * 65), "id: 65 characters, the maximum is 64"),
    "an id with a space": (master_item("x y"), "id: contains whitespace"),
    "an id that is a number": (master_item("x", id=7), "id: 7 is not text"),
    "an id that is a list": (master_item("x", id=["x"]), "id: ['x'] is not text"),
    "a blank id": (master_item("x", id=" "), "id: missing"),
    "a NUL character": (master_item("x", overview="a\0b"), "overview: contains a NUL character"),
    "a NUL character in the id": (master_item("x", id="x\0"), "id: contains a NUL character"),
    "a NUL character in a genre": (master_item("x", genres=["a\0"]), "genres: contains a NUL character"),
    "a date that is a word": (master_item("x", releaseDate="soon"), "releaseDate: 'soon' is not a date"),
    "a day that does not exist": (master_item("x", releaseDate="2023-02-29"), "releaseDate: "),
    "a short date": (master_item("x", releaseDate="20230228"), "releaseDate: "),
    "a date in another order": (master_item("x", releaseDate="28/02/2023"), "releaseDate: "),
    "a date that is a number": (master_item("x", releaseDate=1999), "releaseDate: 1999 is not text"),
    "a date before film": (master_item("x", releaseDate="0001-01-01"), "releaseDate: 1 is not a year"),
    "a number that is text": (master_item("x", popularity="85.5"), "popularity: '85.5' is not a number"),
    "a number that is true": (master_item("x", popularity=True), "popularity: True is not a number"),
    "a number below zero": (master_item("x", popularity=-1), "popularity: -1 is not between"),
    "a rating above ten": (master_item("x", voteAverage=10.1), "voteAverage: 10.1 is not between 0 and 10"),
    "a TMDB id that is a fraction": (master_item("x", tmdbId=603.5), "tmdbId: 603.5 is not a whole number"),
    "a huge TMDB id": (master_item("x", tmdbId=10**30), "tmdbId: "),
    "a number beyond the range of floats": (master_item("x", popularity=10**400), "popularity"),
    "a TMDB id of zero": (master_item("x", tmdbId=0), "tmdbId: "),
    "an unknown content type": (master_item("x", contentType="poem"), "contentType: 'poem' is not one of"),
    "an unknown media type": (master_item("x", mediaType="radio"), "mediaType: 'radio' is not one of"),
    "a URL as path": (master_item("x", posterPath="https://x/y.jpg"), "does not begin with /"),
    "a script as URL": (master_item("x", imageUrl="javascript:alert(1)"), "does not begin with https"),
    "genres as text": (master_item("x", genres="Drama"), "genres: 'Drama' is not a list"),
    "a genre that is null": (master_item("x", genres=["Drama", None]), "genres: None is not a genre"),
    "a genre without letters and digits": (master_item("x", genres=["???"]), "genres: not a genre"),
    "a genre too long": (master_item("x", genres=["x" * 65]), "genres: not a genre"),
    "a genre of the wrong type": (master_item("x", genres=[["Drama"]]), "genres: ['Drama'] is not"),
    "too many genres": (master_item("x", genres=list(range(1, 30))), "genres: 29 entries"),
    "an adult title": (master_item("x", adult=True), "adult: adult titles are not imported"),
    "an adult mark of the wrong type": (master_item("x", adult=[]), "adult: [] is not true or false"),
    "a wrong value under a snake_case key": (master_item("x", vote_average="8"), "vote_average: '8' is not"),
    "not an object": (["x"], "not an object"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", REJECTED_ROWS)
def test_the_report_names_file_row_and_reason_and_the_other_rows_are_imported(
    kind: str, tmp_path: Path
) -> None:
    row, reason = REJECTED_ROWS[kind]
    path = write_json(tmp_path / "master_content.json", [VALID_ROW, row, master_item("last")])
    rejected = import_files(path, report=tmp_path / "report.jsonl")
    assert [(line["file"], line["row"]) for line in rejected] == [(str(path), 2)]
    assert reason in rejected[0]["reason"]
    assert set(Item.objects.values_list("id", flat=True)) == {"valid", "last"}
