"""Decode stored JSON that another version of the application may have written.

A field that the reader does not know is ignored. A value that it cannot read is absent: None, never an error. msgspec
takes the types of the fields from the annotations of the class, so a value of another type is unreadable too.
docs/FORMATS.md lists the formats.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar, get_type_hints

import msgspec
import orjson

T = TypeVar("T")
N = TypeVar("N", bound=NamedTuple)


def decode(kind: type[T], raw: bytes | str | None) -> T | None:
    """Return a stored JSON value as a `kind`, None if it is unreadable or absent. See `convert`."""
    return convert(kind, load_json(raw))


def load_json(raw: bytes | str | None) -> Any:
    """Return parsed JSON, None if it is unreadable or absent.

    orjson parses it, because msgspec would accept integers that orjson cannot write again.
    """
    if raw is None:
        return None
    try:
        return orjson.loads(raw)
    except ValueError:
        return None


def convert(kind: type[T], value: Any, **given: Any) -> T | None:
    """Return a parsed JSON value as a `kind`, None if it is unreadable.

    A `kind` is a dataclass, a named tuple, a list, tuple, frozenset or mapping of these, or a scalar. A dataclass is
    made from a JSON object, with `given` instead of the object's own fields of these names. Surplus fields of an
    object are ignored. A named tuple and a tuple of fixed length are made from a JSON list without surplus items.
    """
    if given:
        if type(value) is not dict:
            return None
        value = {**value, **given}
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def convert_items(kind: type[N], values: Any, *first: Any) -> N | None:
    """Return a parsed JSON list as a named tuple: its items are the fields after those in `first`. None if unreadable.

    Surplus items are ignored. A class that is stored as a list, to save memory, gets new fields at its end, with a
    default.
    """
    return convert(kind, [*first, *values][: len(kind._fields)]) if type(values) is list else None


def convert_readable(kind: type[T], values: Mapping[str, Any], **given: Any) -> T:
    """Return a dataclass with `given` and the readable ones of `values`: the other fields have their defaults.

    For documents that are the only copy: one unreadable field does not make the others unreadable. Fields without a
    default must be in `given`.
    """
    found = convert(kind, {**values, **given})
    if found is not None:
        return found
    readable = {}
    for name, hint in get_type_hints(kind).items():
        if name in values:
            with suppress(msgspec.ValidationError):
                readable[name] = msgspec.convert(values[name], hint)
    return kind(**{**readable, **given})
