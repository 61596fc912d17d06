"""Activities and their ledgers."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import Q, QuerySet

from activity.models import Activity as ActivityRow
from activity.rules import relations
from activity.store.meter import count_documents
from activity.store.orm.calls import store_call
from activity.store.orm.jobs import save_jobs
from activity.store.orm.person import from_row, lock_person, save_person
from activity.types import Activity, Ledger, RecordResult, Relation


class Activities:
    @store_call
    def record_relation(
        self,
        uid: str,
        title: str,
        relation: Relation,
        *,
        now: float,
        due: float,
        origin: str | None = None,
        affinity_gain: Mapping[str, float] | None = None,
    ) -> RecordResult:
        count_documents(3)
        with transaction.atomic():
            person = lock_person(uid)
            # The person's lock protects their activities too.
            row = ActivityRow.objects.filter(uid=uid, title=title).first()
            before = _from_row(row) if row else relations.make_unrecorded(uid, title, now=now)
            change = relations.record_relation(
                from_row(person),
                before,
                relation,
                now=now,
                due=due,
                origin=origin,
                affinity_gain=affinity_gain or {},
            )
            if change.changed:
                _save(row or ActivityRow(uid=uid, title=title), change.activity)
                save_jobs(change.jobs)
                save_person(person, change.person)
        return change.result

    @store_call
    def get_activity(self, uid: str, title: str) -> Activity | None:
        row = ActivityRow.objects.filter(uid=uid, title=title).first()
        count_documents(1)
        return _from_row(row) if row else None

    @store_call
    def get_activities(self, uid: str, *, limit: int = 100) -> list[Activity]:
        empty = Q(status=None, favorite=False, rating=None)
        rows = ActivityRow.objects.filter(uid=uid).exclude(empty).order_by("-at", "title")[:limit]
        activities = [_from_row(row) for row in rows]
        count_documents(len(activities))
        return activities

    @store_call
    def save_ledger(self, uid: str, title: str, version: int, ledger: Ledger) -> bool:
        count_documents(1)
        return bool(
            ActivityRow.objects.filter(uid=uid, title=title, version=version).update(
                follower_count=ledger.follower_count,
                delivered_count=ledger.delivered_count,
                cursor=ledger.cursor,
                started_at=ledger.started_at,
                updated_at=ledger.updated_at,
            )
        )


def delete_activities(uid: str, limit: int) -> int:
    """Delete up to `limit` activities of a person, and return their number. 1 SQL."""
    rows = ActivityRow.objects.filter(uid=uid)
    deleted, _ = rows.filter(title__in=rows.values("title")[:limit]).delete()
    return deleted


def clear_cursors(uid: str, limit: int) -> int:
    """Clear up to `limit` cursors that name a person, and return their number. 2 SQL, 1 if there are none."""
    rows = query_cursors(uid)
    found = list(rows.values_list("pk", flat=True)[:limit])
    return rows.filter(pk__in=found).update(cursor="") if found else 0


def query_cursors(uid: str) -> QuerySet[ActivityRow]:
    """Return the query of the activities whose delivery's cursor names a person."""
    return ActivityRow.objects.exclude(cursor="").filter(cursor=uid)  # `exclude` allows the partial index


def _save(row: ActivityRow, activity: Activity) -> None:
    relation, ledger = activity.relation, activity.ledger
    row.status, row.favorite, row.rating = relation.status, relation.favorite, relation.rating
    row.at, row.recorded_at, row.version = activity.at, activity.recorded_at, activity.version
    row.origin, row.affinity_gain = activity.origin, dict(activity.affinity_gain)
    row.follower_count, row.delivered_count = ledger.follower_count, ledger.delivered_count
    row.cursor, row.started_at, row.updated_at = ledger.cursor, ledger.started_at, ledger.updated_at
    # Without `force_insert`, Django would try to update a new row first, because its key is set.
    row.save(force_insert=row._state.adding)


def _from_row(row: ActivityRow) -> Activity:
    return Activity(
        uid=row.uid,
        title=row.title,
        relation=Relation(row.status, row.favorite, row.rating),
        at=row.at,
        version=row.version,
        recorded_at=row.recorded_at,
        origin=row.origin,
        affinity_gain=row.affinity_gain,
        ledger=Ledger(row.follower_count, row.delivered_count, row.cursor, row.started_at, row.updated_at),
    )
