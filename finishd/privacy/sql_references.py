"""Search the SQL tables about people for a uid, column by column."""

import json
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

from django.apps import apps
from django.db.models import CharField, JSONField, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

UidColumn: TypeAlias = "CharField[Any, Any] | TextField[Any, Any] | JSONField[Any, Any]"


def count_sql_references(
    uid: str, *, app_labels: Iterable[str], without_uid: frozenset[str]
) -> dict[str, int]:
    """Count the rows that hold the uid, by column (`sql: <app>.<model>.<field>`).

    A row counts if a column is the uid, or if its JSON holds the uid as a string. `without_uid` names the columns
    to skip as `<app>.<Model>.<field>`. Cost: 1 SQL per column, each a scan where no index fits.
    """
    counts: dict[str, int] = {}
    for model in get_tables(app_labels):
        for field in get_uid_columns(model, without_uid=without_uid):
            if number := _count(model, field, uid):
                counts[f"sql: {model._meta.label_lower}.{field.name}"] = number
    return counts


def get_tables(app_labels: Iterable[str]) -> list[type[Model]]:
    """Return the models that own a table. Unmanaged models read the table of another model, so they are left out."""
    models = (model for label in app_labels for model in apps.get_app_config(label).get_models())
    return [model for model in models if model._meta.managed]


def get_uid_columns(model: type[Model], *, without_uid: frozenset[str]) -> list[UidColumn]:
    """Return the text and JSON columns of a model that `without_uid` does not name."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, CharField | TextField | JSONField)
        and f"{model._meta.label}.{field.name}" not in without_uid
    ]


def _count(model: type[Model], field: UidColumn, uid: str) -> int:
    rows = model._default_manager.all()
    if isinstance(field, JSONField):
        return _count_in_json(rows, field.name, uid)
    if isinstance(field, TextField):
        return _count_in_text(rows, field.name, uid)
    return rows.filter(**{field.name: uid}).count()


def _count_in_json(rows: QuerySet[Any], column: str, uid: str) -> int:
    """Count the rows that hold the uid as a JSON string.

    SQL selects candidates, since SQLite's LIKE ignores case. Python compares exactly.
    """
    quoted, unescaped = json.dumps(uid), json.dumps(uid, ensure_ascii=False)
    candidates = rows.annotate(_text=Cast(column, TextField()))
    candidates = candidates.filter(Q(_text__contains=quoted) | Q(_text__contains=unescaped))
    return sum(quoted in json.dumps(value) for value in candidates.values_list(column, flat=True).iterator())


def _count_in_text(rows: QuerySet[Any], column: str, uid: str) -> int:
    """Count the rows whose text holds the uid as a JSON string, or as a JSON string within a JSON string."""
    quoted = {json.dumps(uid), json.dumps(uid, ensure_ascii=False)}
    forms = quoted | {json.dumps(form, ensure_ascii=False)[1:-1] for form in quoted}
    candidates = rows.filter(reduce(or_, (Q(**{f"{column}__contains": form}) for form in forms)))
    texts = candidates.values_list(column, flat=True).iterator()
    return sum(any(form in text for form in forms) for text in texts)
