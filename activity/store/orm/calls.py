"""What every call of this store shares: translated errors, its count, and locked rows of people."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import orjson
from django.db import InterfaceError, OperationalError

from activity.models import Job as JobRow
from activity.models import Person
from activity.store import taste
from activity.store.meter import metered
from activity.types import JobKind, Profile, StoreUnavailable

P = ParamSpec("P")
R = TypeVar("R")


def call(method: Callable[P, R]) -> Callable[P, R]:
    """A store method: counted, its database errors in the protocol's words. SQL has deadlines and a breaker itself."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except (OperationalError, InterfaceError) as reason:
            raise StoreUnavailable(str(reason)) from reason

    return metered(wrapped)


@contextmanager
def changing(uid: str) -> Iterator[Person]:
    """A person's row, locked and made if need be; saved with higher versions if the block changed it."""
    person = None
    while person is None:  # they may be erased between the two
        Person.objects.get_or_create(uid=uid)
        person = Person.objects.select_for_update().filter(uid=uid).first()
    before, chosen_before = _state(person), _choices(person)
    yield person
    if _state(person) == before:
        return
    person.version += 1
    if _choices(person) != chosen_before:
        person.choice_version += 1
    person.save()


def leave_job(kind: JobKind, subject: str, target: str = "", *, version: int = 0, due: float) -> None:
    """Within a change's transaction: what is left to do after it. A newer one takes an older one's place."""
    JobRow.objects.bulk_create(
        [JobRow(kind=kind, subject=subject, target=target, version=version, due=due, first_due=due)],
        update_conflicts=True,
        unique_fields=["kind", "subject", "target"],
        update_fields=["version", "due", "first_due"],
    )


def profile_of(person: Person) -> Profile:
    return Profile(
        uid=person.uid,
        name=person.name,
        picture=person.picture,
        genres=tuple(person.genres),
        affinities=taste.affinities(person.likings, person.learned, person.learned_at),
        finished=frozenset(person.finished),
        skipped=person.skipped,
        unwanted=frozenset(person.blocked) | frozenset(person.blocked_by),
        pulled=tuple(person.pulled),
        following=person.following,
        reach=person.reach,  # type: ignore[arg-type]
        active_at=person.active_at,
        choice_version=person.choice_version,
        version=person.version,
    )


def _choices(person: Person) -> bytes:
    return orjson.dumps((person.genres, person.blocked, person.blocked_by))


def _state(person: Person) -> bytes:
    """All that a version tells apart; PostgreSQL gives the keys of an object back in an order of its own."""
    plain = (
        person.name,
        person.picture,
        person.likings,
        person.learned,
        person.learned_at,
        person.skipped,
        person.applied,
        person.finished,
        person.pulled,
        person.preferences,
        person.following,
        person.reach,
        person.active_at,
    )
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS) + _choices(person)
