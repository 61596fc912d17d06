"""Detection of layout and format, and files that cannot be imported."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from content.importing import files
from content.importing.errors import RejectedRow, UnusableFile
from content.importing.files import inspect_file
from content.importing.formats import FORMATS, Format, Row
from content.importing.layouts import JSON
from content.models import Genre, Item
from content.tests.imports import (
    COLUMNS,
    VALID_ROW,
    import_files,
    master_item,
    read_rows,
    write_csv,
    write_json,
)

WIKIPEDIA = {"title": "Dogtooth", "year": 2009, "cast": [], "genres": ["Drama"], "href": "Dogtooth_(film)"}
LIST = json.dumps([VALID_ROW, master_item("x")])
UNUSABLE_FILES = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n ", "empty"),
    "an empty list": (b"[]", "no rows"),
    "an empty object": (b"{}", "no rows"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "binary"),
    "zipped": (gzip.compress(LIST.encode()), "binary"),
    "another encoding": (LIST.replace("Heat", "Amélie").encode("latin-1"), "encoding"),
    "UTF-16": (LIST.encode("utf-16"), "encoding"),
    "HTML": (b"\n<!DOCTYPE html><title>404</title>", "HTML"),
    "cut off": (LIST[:-20].encode(), "cut off"),
    "cut off after a row": (LIST[:-1].encode(), "cut off"),
    "with text after the end": (LIST.encode() + b" trailing", "not valid JSON"),
    "with NaN": (b'[{"id": "a", "title": "b", "popularity": NaN}]', "not valid JSON"),
    "with a huge number": (b'[{"id": "a", "title": "b", "tmdbId": ' + b"9" * 5000 + b"}]", "digits"),
    "with an impossible exponent": (b'[{"id": "a", "popularity": 1e99999999999999999999}]', "bounds"),
    "a list of numbers": (b"[1, 2, 3]", "none of its rows is an object"),
    "one item": (json.dumps(VALID_ROW).encode(), "none of its rows is an object"),
    "wrapped": (json.dumps({"items": [VALID_ROW, VALID_ROW]}).encode(), "none of its rows is an object"),
    "wrapped and long": (json.dumps({"items": [VALID_ROW] * 3000}).encode(), "more than 10000 values"),
    "a list of other things": (b'[{"uid": "ama", "email": "ama@example.org"}]', "none of the keys"),
    "plain text": (b"buy milk\n", "columns"),
    "CSV without the columns": (b"uid,email\nama,ama@example.org\n", "columns"),
    "CSV with a header only": (",".join(COLUMNS).encode() + b"\n", "no rows"),
    "CSV cut off in quotes": (b'id,title,genres\n1,Heat,[]\n2,"The Mat', "cut off"),
    "CSV that ends in another encoding": (
        b"id,title,genres\n" + b"1,Heat,[]\n" * 9000 + "2,Amélie,[]\n".encode("latin-1"),
        "UTF-8",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", UNUSABLE_FILES)
def test_an_unusable_file_gives_a_one_line_error_and_changes_nothing(kind: str, tmp_path: Path) -> None:
    content, reason = UNUSABLE_FILES[kind]
    unusable = tmp_path / "master_content.json"
    unusable.write_bytes(content)
    usable = write_json(tmp_path / "usable.json", [VALID_ROW | {"genres": ["A new one"]}])
    with pytest.raises(CommandError) as error:
        import_files(usable, unusable, report=tmp_path / "report.jsonl", publish=True)
    assert str(error.value).startswith(f"{unusable}: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert not Item.objects.exists()
    assert not Genre.objects.filter(name="A new one").exists()
    assert not (tmp_path / "report.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "requested", "reason"),
    [
        (LIST, "tmdb-csv", "JSON, not CSV"),
        (LIST, "wikipedia", "keys of the master format"),
        (json.dumps([WIKIPEDIA]), "master", "keys of the wikipedia format"),
        ("id,title,genres\n1,Heat,[]\n", "master", "not JSON"),
        ("id,title,genres\n1,Heat,[]\n", "wikipedia", "not JSON"),
        ("id,title\n1,Heat\n", "tmdb-csv", "columns"),
    ],
)
def test_a_file_in_another_format_than_requested_is_unusable(
    content: str, requested: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(UnusableFile, match=reason):
        inspect_file(path, requested)


def test_folders_missing_files_and_devices_are_unusable(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="it is a folder"):
        inspect_file(tmp_path, "auto")
    with pytest.raises(UnusableFile, match="No such file"):
        inspect_file(tmp_path / "missing.json", "auto")
    with pytest.raises(UnusableFile, match="not a regular file"):
        inspect_file(Path("/dev/null"), "auto")


@pytest.mark.parametrize(
    ("name", "content", "format_", "rows"),
    [
        ("a.json", LIST, "master", 2),
        ("a.json", "\ufeff" + LIST, "master", 2),
        ("a.json", json.dumps({"valid": VALID_ROW, "x": {"title": "X"}}), "master", 2),
        ("a.json", json.dumps([WIKIPEDIA]), "wikipedia", 1),
        ("a.jsonl", json.dumps(VALID_ROW), "master", 1),
        ("a.json", f"{json.dumps(VALID_ROW)}\n\n{json.dumps(VALID_ROW)}\n", "master", 2),
        ("a.ndjson", f"broken\n{json.dumps(WIKIPEDIA)}\n", "wikipedia", 2),
        ("a.csv", "\ufeffID,Title,Genres\r\n1,Heat,[]\r\n\r\n", "tmdb-csv", 1),
        ("no-suffix", "id,name,genre_ids\n1,Dark,\n", "tmdb-csv", 1),
    ],
)
def test_every_format_and_layout_is_detected(
    name: str, content: str, format_: str, rows: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    file = inspect_file(path, "auto")
    assert (file.format.name, file.count) == (format_, rows)
    assert len(list(file.rows())) == rows


def test_a_format_is_detected_when_it_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_row(raw: Mapping[str, Any]) -> Row:
        return Row(raw["imdb"], {"title": raw["name"]}, None)

    added = Format(name="imdb", syntax=JSON, score=lambda keys: 10 * ("imdb" in keys), parse_row=parse_row)
    path = write_json(tmp_path / "a.json", [{"imdb": "tt0133093", "name": "The Matrix"}])
    with pytest.raises(UnusableFile, match="none of the keys"):
        inspect_file(path)
    monkeypatch.setattr(files, "FORMATS", (*FORMATS, added))
    assert inspect_file(path).format is added
    assert [row.id for row in read_rows(path)] == ["tt0133093"]


def test_the_keys_of_an_object_become_the_ids_of_rows_without_one(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "a.json", {"key": {"title": "A"}, "other": VALID_ROW, "null": {"id": None, "title": "N"}}
    )
    rows = read_rows(path)
    assert [row.id for row in rows] == ["key", "valid", "null"]


def test_invalid_json_lines_are_rejected_under_their_line_number(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    long = json.dumps(VALID_ROW | {"overview": "x" * 3_000_000})
    path.write_text(
        f'{json.dumps(VALID_ROW)}\n{{"id": "cut", "ti\n\n{long}\n[1]\n{json.dumps(master_item("last"))}'
    )
    rows = {number: row for number, row, _ in inspect_file(path, "auto").rows()}
    assert {number: isinstance(row, Row) for number, row in rows.items()} == {
        1: True, 2: False, 4: False, 5: False, 6: True,
    }  # fmt: skip
    assert "invalid JSON" in str(rows[2])
    assert "longer than" in str(rows[4])
    assert "not an object" in str(rows[5])


def test_json_lines_without_any_object_are_unusable(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("buy\nmilk\n")
    with pytest.raises(UnusableFile, match="none of its lines"):
        inspect_file(path, "auto")


def test_invalid_csv_rows_are_rejected_and_reading_continues(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    huge = "x" * 200_000
    path.write_text(
        f'id,title,genres\n1,Heat,[]\n2,"He"at,[]\n3,Heat\n4,Heat,[],extra\n5,{huge},[]\n6,"Two\nlines",[]\n'
    )
    rows = {number: row for number, row, _ in inspect_file(path, "auto").rows()}
    assert isinstance(rows[1], Row)
    assert isinstance(rows[6], Row)
    assert rows[6].columns["title"] == "Two lines"
    reasons = [str(rows[number]) for number in (2, 3, 4, 5) if isinstance(rows[number], RejectedRow)]
    assert ["CSV" in reasons[0], reasons[1], reasons[2], "limit" in reasons[3]] == [
        True, "2 cells, but the header has 3", "4 cells, but the header has 3", True,
    ]  # fmt: skip


def test_a_file_that_changes_after_its_inspection_becomes_unusable(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [VALID_ROW])
    file = inspect_file(path, "auto")
    path.write_text("[{")
    with pytest.raises(UnusableFile, match=r"a\.json: its JSON is cut off"):
        list(file.rows())


def test_the_rows_of_a_csv_file_are_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ([n, f"Film {n}", "", "", "", "", "", ""] for n in range(1, 100)))
    assert inspect_file(path, "tmdb-csv").count == 99
