"""A person leaves, or asks what is kept of them: every app is asked in turn, and what is left is looked for.

`erase` is idempotent and resumable; `finishd.privacy.erasures` sees to it that it ends, whatever dies.
"""

import json
import time
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, Protocol

from django.apps import apps
from django.conf import settings
from django.db.models import CharField, JSONField, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from activity.services import leaving as activity
from activity.store import get_store
from analytics import keys
from analytics.services import leaving as analytics
from core import api_json
from core.redis import references
from core.redis.client import Client, cache_redis, state_redis, unlink
from core.redis.references import Naming
from feed.services import leaving as feed


class Part(Protocol):
    """What an app that knows people offers, as its `services.leaving`."""

    @property
    def NAMING(self) -> Sequence[Naming]:  # noqa: N802  (modules are what implements this)
        """Redis families whose values may name others than their owner."""

    def forget(self, uid: str, *, until: float) -> bool:
        """Drop what is the person's; False if `until` (monotonic seconds) came first."""

    def forget_among(self, uid: str, people: Sequence[str]) -> None:
        """Drop the person from what is kept hot of up to 500 others."""

    def export(self, uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(collection, document) of what is kept of the person."""


# Content knows no people. Plans are made from activity, so it goes first.
PARTS: Final[tuple[Part, ...]] = (activity, feed, analytics)

# The apps whose tables are about people, and columns of theirs that hold no uid, whatever they are called: names,
# titles, slugs, states, places in a stream.
TABLES_OF: Final = ("activity", "analytics")
HOLDS_NO_UID: Final = frozenset(
    {"name", "picture", "genres", "likings", "liking", "finished", "preferences", "items", "reach", "title"}
    | {"status", "source", "actor_name", "actor_picture", "kind"}
    | {"learned", "skipped", "applied", "stream", "upto", "body"}
    | {"item", "span", "reader", "born", "position", "event", "reason"}
)


def erase(uid: str, *, until: float) -> bool:
    """Erase a person everywhere; False if `until` (monotonic seconds) came first, and it is to be called again.

    A write of theirs that races with this may stay, so this is done again when no token of theirs is good any
    more. Cost: the store's (see its `erase`), 7 waits for 500 followers, and one scan over Redis.
    """
    activity.gather(uid)
    if not all(part.forget(uid, until=until) for part in PARTS):
        return False
    for others in activity.others(uid):
        for part in PARTS:
            part.forget_among(uid, others)
        if time.monotonic() > until:
            return False
    for client in _servers():
        for found in references.find(client, uid, _naming()):
            unlink(client, [found.name, *([found.along] if found.along else [])])
    return True


def traces(uid: str) -> dict[str, int]:
    """Where a person is still named, and how often; empty when nowhere. Changes nothing.

    Looks at four places, each in its own way: the activity store, the streams of events, SQL column by column, and
    every key of Redis. Messages to workers that are on their way are not looked into; they name uids for some seconds.
    Cost: one pass over people in the store, over the events that wait, over the tables of people in SQL, and over
    Redis.
    """
    found = {f"store: {name}": number for name, number in get_store().traces(uid).items()}
    # Before SQL: an event that is read meanwhile may go there.
    if number := analytics.waiting(uid):
        found[f"redis: {keys.EVENTS.pattern}"] = number
    found |= _in_sql(uid)
    for client in _servers():
        for entry in references.find(client, uid, _naming()):
            place = f"redis: {entry.family.pattern}{'' if entry.own else ' of others'}"
            found[place] = found.get(place, 0) + 1
    return found


def export(uid: str, *, now: str) -> Iterator[bytes]:
    """One JSON document in pieces: `{"uid", "exportedAt", "documents": [{"collection", "document"}, …]}`."""
    yield b'{"uid":' + api_json.dumps(uid) + b',"exportedAt":' + api_json.dumps(now) + b',"documents":['
    comma = b"\n"
    for part in PARTS:
        for collection, document in part.export(uid):
            yield comma + api_json.dumps({"collection": collection, "document": document})
            comma = b",\n"
    yield b"]}\n"


def _servers() -> list[Client]:
    """Every Redis server that people's keys may be on, once."""
    return [state_redis()] if settings.CACHE_URL == settings.REDIS_URL else [state_redis(), cache_redis()]


def _naming() -> list[Naming]:
    return [entry for part in PARTS for entry in part.NAMING]


def _in_sql(uid: str) -> dict[str, int]:
    """Rows of people's tables with the uid in a column: as the whole text, or as a string within JSON."""
    found: dict[str, int] = {}
    for model in (model for app in TABLES_OF for model in apps.get_app_config(app).get_models()):
        for field in uid_columns(model):
            rows = model._default_manager.all()
            if isinstance(field, JSONField):
                number = _in_json(rows, field.name, uid)
            elif isinstance(field, TextField):
                number = _in_text(rows, field.name, uid)
            else:
                number = rows.filter(**{field.name: uid}).count()
            if number:
                found[f"sql: {model._meta.label_lower}.{field.name}"] = number
    return found


def _in_json(rows: QuerySet[Any], column: str, uid: str) -> int:
    """How many rows hold the uid as a string. SQL's look is rough (SQLite takes A for a), Python's is exact."""
    quoted, raw = json.dumps(uid), json.dumps(uid, ensure_ascii=False)
    rough = rows.annotate(_text=Cast(column, TextField()))
    rough = rough.filter(Q(_text__contains=quoted) | Q(_text__contains=raw))
    return sum(quoted in json.dumps(value) for value in rough.values_list(column, flat=True).iterator())


def _in_text(rows: QuerySet[Any], column: str, uid: str) -> int:
    """How many rows hold the uid as a string of JSON, or of JSON that is a string itself; rough, then exact, too."""
    quoted = {json.dumps(uid), json.dumps(uid, ensure_ascii=False)}
    forms = quoted | {json.dumps(form, ensure_ascii=False)[1:-1] for form in quoted}
    rough = rows.filter(reduce(or_, (Q(**{f"{column}__contains": form}) for form in forms)))
    texts = rough.values_list(column, flat=True).iterator()
    return sum(any(form in text for form in forms) for text in texts)


def uid_columns(
    model: type[Model],
) -> "list[CharField[Any, Any] | TextField[Any, Any] | JSONField[Any, Any]]":
    """The columns of a model that may hold a uid."""
    texts = [
        field for field in model._meta.concrete_fields if isinstance(field, CharField | TextField | JSONField)
    ]
    return [field for field in texts if field.name not in HOLDS_NO_UID]
