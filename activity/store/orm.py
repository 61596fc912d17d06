"""The activity store in Django's database (SQLite or PostgreSQL)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, transaction

from activity.models import Delivery, Person, SeenHistory
from activity.store.meter import metered, note_documents
from activity.types import Preferences, Profile, StoreUnavailable, TimelineRow

SEEN_KEPT = 5_000
BLOCKS_KEPT = 1_000

P = ParamSpec("P")
R = TypeVar("R")


def _translated(call: Callable[P, R]) -> Callable[P, R]:
    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except (OperationalError, InterfaceError) as reason:
            raise StoreUnavailable(str(reason)) from reason

    return metered(wrapped)


class OrmStore:
    """Implements `ActivityStore`; a call is one transaction, a document one row."""

    @_translated
    def profile(self, uid: str) -> Profile | None:
        person = Person.objects.filter(uid=uid).first()
        note_documents(1)
        return _profile(person) if person else None

    @_translated
    def seen(self, uid: str) -> Mapping[str, int]:
        history = SeenHistory.objects.filter(uid=uid).first()
        note_documents(1)
        return dict(history.items) if history else {}

    @_translated
    def timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        rows = [
            _row(d) for d in Delivery.objects.filter(viewer=uid).order_by("-at", "actor", "title")[:limit]
        ]
        note_documents(len(rows))
        return rows

    @_translated
    def save_preferences(self, uid: str, preferences: Preferences, *, name: str | None = None) -> Profile:
        note_documents(1)
        with transaction.atomic(), _changing(uid) as person:
            person.name = name or person.name
            for key in ("providers", "movies", "shows"):
                if (value := getattr(preferences, key)) is not None:
                    person.preferences[key] = value
            if preferences.genres is not None:
                person.genres = list(preferences.genres)
        return _profile(person)

    @_translated
    def set_block(self, uid: str, target: str, *, blocked: bool) -> tuple[Profile, Profile]:
        note_documents(2)
        # One order for both rows, or two people who block each other at once would wait for ever.
        first, second = sorted((uid, target))
        with transaction.atomic(), _changing(first) as one, _changing(second) as other:
            blocker, blockee = (one, other) if first == uid else (other, one)
            blocker.blocked = _edited(blocker.blocked, target, present=blocked)
            blockee.blocked_by = _edited(blockee.blocked_by, uid, present=blocked)
        return _profile(blocker), _profile(blockee)

    @_translated
    def add_finished(self, uid: str, titles: Sequence[str]) -> Profile:
        note_documents(1)
        with transaction.atomic(), _changing(uid) as person:
            person.finished = sorted({*person.finished, *titles})
        return _profile(person)

    @_translated
    def add_seen(self, uid: str, items: Mapping[str, int]) -> None:
        note_documents(1)
        with transaction.atomic():
            SeenHistory.objects.get_or_create(uid=uid)
            history = SeenHistory.objects.select_for_update().get(uid=uid)
            merged: dict[str, int] = dict(history.items)
            for item, at in items.items():
                merged[item] = max(at, merged.get(item, 0))
            newest = sorted(merged.items(), key=lambda pair: (-pair[1], pair[0]))[:SEEN_KEPT]
            history.items = [list(pair) for pair in newest]
            history.save()

    @_translated
    def deliver(self, uid: str, rows: Sequence[TimelineRow]) -> None:
        note_documents(len(rows))
        Delivery.objects.bulk_create(
            [_delivery(uid, row) for row in rows],
            update_conflicts=True,
            unique_fields=["viewer", "actor", "title"],
            update_fields=["at", "status", "favorite", "rating", "actor_name", "actor_picture"],
            batch_size=500,
        )


@contextmanager
def _changing(uid: str) -> Iterator[Person]:
    """A person's row, locked and made if need be; saved with higher versions if the block changed it."""
    Person.objects.get_or_create(uid=uid)
    person = Person.objects.select_for_update().get(uid=uid)
    before, chosen_before = _state(person), _choices(person)
    yield person
    if _state(person) == before:
        return
    person.version += 1
    if _choices(person) != chosen_before:
        person.choice_version += 1
    person.save()


def _choices(person: Person) -> str:
    return repr((person.genres, person.blocked, person.blocked_by))


def _state(person: Person) -> str:
    return repr((person.name, person.picture, person.preferences, person.finished)) + _choices(person)


def _edited(people: list[str], uid: str, *, present: bool) -> list[str]:
    rest = [p for p in people if p != uid]
    if present and len(rest) >= BLOCKS_KEPT:
        raise ValueError(f"more than {BLOCKS_KEPT} blocked people")
    return [*rest, uid] if present else rest


def _profile(person: Person) -> Profile:
    return Profile(
        uid=person.uid,
        name=person.name,
        picture=person.picture,
        genres=tuple(person.genres),
        affinities=person.affinities,
        finished=frozenset(person.finished),
        unwanted=frozenset(person.blocked) | frozenset(person.blocked_by),
        choice_version=person.choice_version,
        version=person.version,
    )


def _row(delivery: Delivery) -> TimelineRow:
    return TimelineRow(
        actor=delivery.actor,
        title=delivery.title,
        at=int(delivery.at.timestamp()),
        status=delivery.status,
        favorite=delivery.favorite,
        rating=delivery.rating,
        actor_name=delivery.actor_name,
        actor_picture=delivery.actor_picture,
    )


def _delivery(viewer: str, row: TimelineRow) -> Delivery:
    return Delivery(
        viewer=viewer,
        actor=row.actor,
        title=row.title,
        at=datetime.fromtimestamp(row.at, UTC),
        status=row.status,
        favorite=row.favorite,
        rating=row.rating,
        actor_name=row.actor_name,
        actor_picture=row.actor_picture,
    )
