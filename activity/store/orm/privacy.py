"""Export, erasure and the check for references."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Model, Q
from django.forms.models import model_to_dict

from activity.models import Activity, Follow, Job, Person, SeenHistory, TimelineRow
from activity.rules import erasure
from activity.store.meter import count_documents
from activity.store.orm.activities import clear_cursors, delete_activities, query_cursors
from activity.store.orm.calls import store_call
from activity.store.orm.person import from_row, lock_person, save_person
from activity.store.orm.timelines import delete_rows_naming
from activity.types import StoredDocument

_PAGE_SIZE = 500


def _tables_with(uid: str) -> list[tuple[str, type[Model], Q]]:
    """Return (collection, table, condition of the rows of or about a person).

    The person is last: erasing needs their lists of other people until the end.
    """
    return [
        ("activities", Activity, Q(uid=uid)),
        ("timelines", TimelineRow, Q(viewer=uid) | Q(author=uid)),
        ("jobs", Job, Q(subject=uid) | Q(target=uid)),
        ("seen", SeenHistory, Q(uid=uid)),
        ("follows", Follow, Q(follower=uid) | Q(followee=uid)),
        ("people", Person, Q(uid=uid)),
    ]


class Privacy:
    def export(self, uid: str) -> Iterator[tuple[str, StoredDocument]]:
        for name, table, condition in _tables_with(uid):
            page = self._get_page(table, condition, after=None)
            while page:
                yield from ((name, model_to_dict(row)) for row in page)
                if len(page) < _PAGE_SIZE:
                    break
                page = self._get_page(table, condition, after=page[-1].pk)

    @store_call
    def erase(self, uid: str, *, limit: int = _PAGE_SIZE) -> int:
        erased = 0
        for name, table, condition in _tables_with(uid):
            with transaction.atomic():
                if name == "follows":
                    deleted = _delete_edges(uid, limit - erased)
                elif name == "people":
                    deleted = _delete_person(uid)
                elif name == "activities":
                    deleted = delete_activities(uid, limit - erased)
                elif name == "timelines":
                    deleted = delete_rows_naming(uid, limit - erased)
                else:
                    rows = table._default_manager.filter(condition).values_list("pk", flat=True)
                    deleted, _ = table._default_manager.filter(pk__in=list(rows[: limit - erased])).delete()
            erased += deleted
            if erased >= limit:
                break
        if erased < limit:
            erased += clear_cursors(uid, limit - erased)
        count_documents(erased)
        return erased

    @store_call
    def count_references(self, uid: str) -> dict[str, int]:
        counts = {
            name: table._default_manager.filter(condition).count()
            for name, table, condition in _tables_with(uid)
        }
        counts["cursors"] = query_cursors(uid).count()
        lists = Person.objects.values_list(*erasure.UID_LISTS).iterator(chunk_size=_PAGE_SIZE)
        counts["lists"] = sum(any(uid in uids for uids in lists_of_one) for lists_of_one in lists)
        count_documents(sum(counts.values()))
        return {name: number for name, number in counts.items() if number}

    @store_call
    def _get_page(self, table: type[Model], condition: Q, *, after: Any) -> list[Model]:
        rows = table._default_manager.filter(condition).order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        page = list(rows[:_PAGE_SIZE])
        count_documents(len(page))
        return page


def _delete_edges(uid: str, limit: int) -> int:
    """Delete edges in both directions, and update each follower's count and pull list."""
    edges = list(Follow.objects.filter(Q(follower=uid) | Q(followee=uid)).order_by("pk")[:limit])
    # Lock in the order of uids, as `set_block` does. The follower may be ending the same edge: only the transaction
    # that deletes it lowers the count.
    for edge in sorted(edges, key=lambda edge: edge.follower):
        if edge.followee == uid:
            row = lock_person(edge.follower)
            deleted, _ = Follow.objects.filter(pk=edge.pk).delete()
            if deleted:
                save_person(row, erasure.remove_followee(from_row(row), uid))
    Follow.objects.filter(pk__in=[edge.pk for edge in edges]).delete()
    return len(edges)


def _delete_person(uid: str) -> int:
    """Delete the person once no edge remains, and their uid in the lists of people on either side of a block."""
    person = Person.objects.filter(uid=uid).first()
    if person is None or Follow.objects.filter(Q(follower=uid) | Q(followee=uid)).exists():
        return 0
    for other in sorted({uid, *person.blocked, *person.blocked_by}):
        row = lock_person(other)
        save_person(row, erasure.remove_from_lists(from_row(row), uid))
    # The person is locked now. If a block came before the lock, the next call of `erase` handles it.
    Person.objects.filter(uid=uid, blocked=person.blocked, blocked_by=person.blocked_by).delete()
    return 1
