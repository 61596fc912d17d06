"""What people did to titles."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import Q

from activity.models import Activity as Row
from activity.models import Person
from activity.store import taste
from activity.store.meter import note_documents
from activity.store.orm.calls import call, changing, leave_job, profile_of
from activity.types import FINISHED_KEPT, Activity, Ledger, Recorded, Relation


class Activities:
    @call
    def record(
        self,
        uid: str,
        title: str,
        relation: Relation,
        *,
        now: float,
        due: float,
        source: str | None = None,
        liking: Mapping[str, float] | None = None,
    ) -> Recorded:
        note_documents(3)
        with transaction.atomic(), changing(uid) as person:
            # The person's lock is the activity's too.
            row = Row.objects.filter(uid=uid, title=title).first()
            before = _relation(row) if row else Relation()
            changed = relation != before
            if changed:
                row = row or Row(uid=uid, title=title, version=0)
                _apply(row, relation, before, now=now, source=source, liking=liking or {}, person=person)
                leave_job("deliver", uid, title, version=row.version, due=due)
        if row is None:
            nothing = Activity(uid, title, relation, int(now), 0)
            return Recorded(nothing, profile_of(person), changed=False)
        return Recorded(_activity(row), profile_of(person), changed)

    @call
    def activity(self, uid: str, title: str) -> Activity | None:
        row = Row.objects.filter(uid=uid, title=title).first()
        note_documents(1)
        return _activity(row) if row else None

    @call
    def activities(self, uid: str, *, limit: int = 100) -> list[Activity]:
        empty = Q(status=None, favorite=False, rating=None)
        rows = Row.objects.filter(uid=uid).exclude(empty).order_by("-at", "title")[:limit]
        found = [_activity(row) for row in rows]
        note_documents(len(found))
        return found

    @call
    def keep_ledger(self, uid: str, title: str, version: int, ledger: Ledger) -> bool:
        note_documents(1)
        return bool(
            Row.objects.filter(uid=uid, title=title, version=version).update(
                followers=ledger.followers,
                delivered=ledger.delivered,
                cursor=ledger.cursor,
                first_at=ledger.first_at,
                last_at=ledger.last_at,
            )
        )


def _apply(
    row: Row,
    relation: Relation,
    before: Relation,
    *,
    now: float,
    source: str | None,
    liking: Mapping[str, float],
    person: Person,
) -> None:
    rated_only = (relation.status, relation.favorite) == (before.status, before.favorite)
    if not rated_only or before.empty or relation.empty:
        row.at = int(now)
    person.likings = taste.corrected(person.likings, minus=row.liking, plus=liking)
    person.finished = _edited(person.finished, row.title, present=relation.status == "finished")
    person.active_at = max(person.active_at, int(now))
    row.status, row.favorite, row.rating = relation.status, relation.favorite, relation.rating
    row.source, row.liking, row.recorded_at = source, dict(liking), now
    row.version += 1
    row.followers, row.delivered, row.cursor, row.first_at, row.last_at = 0, 0, "", None, None
    row.save()


def _edited(titles: list[str], title: str, *, present: bool) -> list[str]:
    """Newest last; beyond the cap the oldest give way."""
    if present == (title in titles):
        return titles
    rest = [t for t in titles if t != title]
    return [*rest, title][-FINISHED_KEPT:] if present else rest


def _relation(row: Row) -> Relation:
    return Relation(row.status, row.favorite, row.rating)


def _activity(row: Row) -> Activity:
    return Activity(
        uid=row.uid,
        title=row.title,
        relation=_relation(row),
        at=row.at,
        version=row.version,
        recorded_at=row.recorded_at,
        source=row.source,
        liking=row.liking,
        ledger=Ledger(row.followers, row.delivered, row.cursor, row.first_at, row.last_at),
    )
