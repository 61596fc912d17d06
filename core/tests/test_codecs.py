"""Stored JSON is decoded by the annotations of a class: what is unknown is ignored, what is unreadable is None."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import orjson
import pytest

from core.codecs import convert, convert_items, convert_readable, decode


class Part(NamedTuple):
    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Whole:
    number: int
    kind: Literal["one", "two"] = "one"
    note: str | None = None
    names: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    sums: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    pair: tuple[str, int | None] = ("", None)
    anything: Mapping[str, Any] | None = None


FULL = Whole(
    number=5,
    kind="two",
    note="n",
    names=("a", "b"),
    ids=frozenset({"x"}),
    sums={"drama": 1.5, "comedy": 2},
    parts=(Part("p", 0.5), Part("q")),
    pair=("left", 3),
    anything={"deep": [1, {"er": None}]},
)
BODY: dict[str, Any] = {
    "number": 5,
    "kind": "two",
    "note": "n",
    "names": ["a", "b"],
    "ids": ["x"],
    "sums": {"drama": 1.5, "comedy": 2},
    "parts": [["p", 0.5], ["q"]],
    "pair": ["left", 3],
    "anything": {"deep": [1, {"er": None}]},
    "unknown": {"a": 1},
}


def test_an_object_is_decoded_without_unknown_fields() -> None:
    assert decode(Whole, orjson.dumps(BODY)) == FULL


def test_absent_fields_have_their_defaults_and_a_required_field_must_be_there() -> None:
    assert decode(Whole, b'{"number": 5}') == Whole(5)
    assert decode(Whole, b'{"note": "n"}') is None


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"5",
        b'{"number": 5',
        b'{"number": "5"}',
        b'{"number": %d}' % 2**64,
    ],
)
def test_what_cannot_be_read_is_none(raw: bytes | None) -> None:
    assert decode(Whole, raw) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", True),
        ("number", 5.0),
        ("number", None),
        ("kind", "three"),
        ("kind", ["one"]),
        ("note", 5),
        ("names", "text"),
        ("names", ["a", 5]),
        ("ids", [["x"]]),
        ("sums", {"drama": "1.5"}),
        ("sums", []),
        ("parts", [[]]),
        ("parts", [{"name": "p"}]),
        ("parts", [5]),
        ("pair", ["left"]),
        ("pair", ["left", 3, "surplus"]),
        ("pair", [5, 3]),
        ("anything", []),
    ],
)
def test_a_field_of_another_type_makes_the_object_unreadable(name: str, value: Any) -> None:
    assert convert(Whole, {**BODY, name: value}) is None


def test_given_fields_win_and_count_as_there() -> None:
    assert convert(Whole, {"note": "n", "number": "5"}, number=6) == Whole(6, note="n")
    assert convert(Whole, {}, note="n") is None
    assert convert(Whole, [], number=6) is None


def test_a_list_is_decoded_by_position_without_surplus_items() -> None:
    assert convert_items(Part, ["p", 0.5, "surplus"]) == Part("p", 0.5)
    assert convert_items(Part, ["p"]) == Part("p")
    assert convert_items(Part, [0.5], "first") == Part("first", 0.5)
    unreadable: list[Any] = [[], [5], ["p", "heavy"], {}, None]
    assert [convert_items(Part, values) for values in unreadable] == [None] * 5


def test_the_readable_fields_of_a_document_are_kept() -> None:
    assert convert_readable(Whole, BODY, number=6) == replace(FULL, number=6)
    unreadable = {"number": "5", "sums": 5, "kind": "three", "names": None, "note": None}
    expected = replace(FULL, number=6, sums={}, kind="one", names=(), note=None)
    assert convert_readable(Whole, {**BODY, **unreadable}, number=6) == expected
