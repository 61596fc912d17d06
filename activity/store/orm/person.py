"""Rows of people as plain values."""

from dataclasses import fields
from typing import Any, Final

from activity.models import Person as PersonRow
from activity.rules.person import Person

_FIELDS: Final = tuple(field.name for field in fields(Person))


def lock_person(uid: str) -> PersonRow:
    """Return a person's row, locked, and created if there is none. Within a transaction. 2 SQL or more."""
    while True:
        PersonRow.objects.get_or_create(uid=uid)
        row = PersonRow.objects.select_for_update().filter(uid=uid).first()
        if row is not None:  # an erasure may delete the row between the two statements
            return row


def from_row(row: PersonRow) -> Person:
    values: dict[str, Any] = {}
    for name in _FIELDS:
        value = getattr(row, name)
        values[name] = tuple(value) if isinstance(value, list) else value  # JSON has no tuples
    return Person(**values)


def save_person(row: PersonRow, after: Person, **other_columns: Any) -> None:
    """Save a locked person's row if a rule raised its version. 1 SQL at most."""
    if after.version == row.version:
        return
    for name in _FIELDS:
        value = getattr(after, name)
        setattr(row, name, list(value) if isinstance(value, tuple) else value)
    for name, value in other_columns.items():
        setattr(row, name, value)
    row.save()
