"""Decode stored JSON that another version of the application may have written.

A field that the reader does not know is ignored. A value that it cannot read is absent: None, never an error. The
types of the fields come from the annotations of the class, so a value of another type is unreadable too.
docs/FORMATS.md lists the formats.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")

Converter = Callable[[Any], Any]

_SCALARS: Final[Mapping[type, frozenset[type]]] = {
    str: frozenset({str}),
    int: frozenset({int}),
    float: frozenset({float, int}),
    bool: frozenset({bool}),
    NoneType: frozenset({NoneType}),
}


class _Unreadable(ValueError):
    """A value does not have the type that its reader expects."""


def decode(kind: type[T], raw: bytes | str | None, **given: Any) -> T | None:
    """Return a stored JSON value as a `kind`, None if it is unreadable or absent. See `convert`."""
    return None if raw is None else convert(kind, load_json(raw), **given)


def load_json(raw: bytes | str) -> Any:
    """Return parsed JSON, None if it is unreadable."""
    try:
        return orjson.loads(raw)
    except ValueError:
        return None


def convert(kind: type[T], value: Any, **given: Any) -> T | None:
    """Return a parsed JSON value as a `kind`, None if it is unreadable.

    A `kind` is a dataclass, a named tuple, a list, tuple, frozenset or mapping of these, or a scalar. A class is made
    from a JSON object, with `given` for fields that the object does not have. Surplus fields of an object, and surplus
    items for a tuple of fixed length, are ignored.
    """
    try:
        found: T = _make(kind, value, given) if given else _get_converter(cast(Any, kind))(value)
    except _Unreadable:
        return None
    return found


def convert_items(kind: Callable[..., T], values: Any, *first: Any) -> T | None:
    """Return a parsed JSON list as a `kind`: its items are the fields after those in `first`. None if unreadable.

    Surplus items are ignored. A class that is stored as a list, to save memory, gets new fields at its end, with a
    default.
    """
    if type(values) is not list:
        return None
    start = len(first)
    found = values[: len(_get_fields(kind)[0]) - start]
    compound = _check_items(kind, start, tuple(map(type, found)))
    if compound is None:
        return None
    try:
        for index, change in compound:
            found[index] = change(found[index])
    except _Unreadable:
        return None
    return kind(*first, *found)


@lru_cache(maxsize=1_024)
def _check_items(kind: Any, start: int, types: tuple[type, ...]) -> tuple[tuple[int, Converter], ...] | None:
    """Return the items to convert, as (index, converter), None if items of these types are unreadable.

    Values of a format have few combinations of types. To look them up costs a fraction of checking each item.
    """
    converters, required = _get_fields(kind)
    if start + len(types) < len(required):
        return None
    hints = get_type_hints(kind)
    compound = []
    for index, ((name, change), type_) in enumerate(zip(converters[start:], types, strict=False)):
        accepted = _get_types(hints[name])
        if accepted is None:
            compound.append((index, change))
        elif type_ not in accepted:
            return None
    return tuple(compound)


def convert_readable(kind: Any, values: Mapping[str, Any], *, without: str = "") -> dict[str, Any]:
    """Return the readable ones of `values` as fields of `kind`, by name: the others keep their defaults.

    For documents that are the only copy: one unreadable field does not make the others unreadable.
    """
    found = {}
    for name, change in _get_fields(kind)[0]:
        if name in values and name != without:
            with suppress(_Unreadable):
                found[name] = change(values[name])
    return found


def _make(kind: Any, value: Any, given: Mapping[str, Any]) -> Any:
    converters, required = _get_fields(kind)
    if type(value) is not dict:
        raise _Unreadable
    found = {name: change(value[name]) for name, change in converters if name in value and name not in given}
    found.update(given)
    if not required <= found.keys():
        raise _Unreadable
    return kind(**found)


@cache
def _get_fields(kind: Any) -> tuple[tuple[tuple[str, Converter], ...], frozenset[str]]:
    """Return (name, converter) of each field of a class, and the names of those without a default."""
    hints = get_type_hints(kind)
    if is_dataclass(kind):
        own = fields(kind)
        names = [field.name for field in own]
        required = {f.name for f in own if f.default is MISSING and f.default_factory is MISSING}
    else:
        names = list(kind._fields)
        required = set(names) - kind._field_defaults.keys()
    return tuple((name, _get_converter(hints[name])) for name in names), frozenset(required)


def _get_types(kind: Any) -> frozenset[type] | None:
    """Return the types that a scalar, or a union of scalars, accepts; None for other kinds."""
    if get_origin(kind) in {Union, UnionType}:
        found = [_get_types(part) for part in get_args(kind)]
        return None if None in found else frozenset().union(*(types for types in found if types))
    return _SCALARS.get(kind)


@cache
def _get_converter(kind: Any) -> Converter:
    origin, arguments, types = get_origin(kind), get_args(kind), _get_types(kind)
    if types is not None:
        return _scalar(types)
    if kind is Any:
        return lambda value: value
    if origin is Literal:
        return _literal(frozenset(arguments))
    if origin in {Union, UnionType}:
        return _optional(next(part for part in arguments if part is not NoneType))
    if origin is not None:
        return _container(origin, arguments)
    return lambda value: _make(kind, value, {})


def _container(origin: Any, arguments: tuple[Any, ...]) -> Converter:
    if issubclass(origin, Mapping):
        return _mapping(arguments[1])
    if origin is tuple and arguments[-1] is not ...:
        return _fixed_tuple(tuple(_get_converter(part) for part in arguments))
    return _collection(origin, arguments[0])


def _scalar(types: frozenset[type]) -> Converter:
    def change(value: Any) -> Any:
        if type(value) not in types:
            raise _Unreadable
        return value

    return change


def _literal(values: frozenset[Any]) -> Converter:
    def change(value: Any) -> Any:
        if type(value) is not str or value not in values:
            raise _Unreadable
        return value

    return change


def _optional(kind: Any) -> Converter:
    change_value = _get_converter(kind)
    return lambda value: None if value is None else change_value(value)


def _fixed_tuple(parts: tuple[Converter, ...]) -> Converter:
    def change(value: Any) -> Any:
        if type(value) is not list or len(value) < len(parts):
            raise _Unreadable
        return tuple(part(item) for part, item in zip(parts, value, strict=False))

    return change


def _collection(origin: Any, kind: Any) -> Converter:
    types, change_item = _get_types(kind), _get_converter(kind)

    def change(value: Any) -> Any:
        if type(value) is not list:
            raise _Unreadable
        if types is None:
            return origin(map(change_item, value))
        if not types.issuperset(map(type, value)):
            raise _Unreadable
        return origin(value)

    return change


def _mapping(kind: Any) -> Converter:
    types, change_item = _get_types(kind), _get_converter(kind)

    def change(value: Any) -> Any:
        if type(value) is not dict:
            raise _Unreadable
        if types is None:
            return {name: change_item(item) for name, item in value.items()}
        if not types.issuperset(map(type, value.values())):
            raise _Unreadable
        return value

    return change
