"""All that is kept of a person: to hand over, to delete, to look for."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Model, Q
from django.forms.models import model_to_dict

from activity.models import Activity, Delivery, Follow, Job, Person, SeenHistory
from activity.store.meter import note_documents
from activity.store.orm.calls import call, changing
from activity.types import Document

_BATCH = 500


def _about(uid: str) -> list[tuple[str, type[Model], Q]]:
    """(collection, table, rows of or about the person); the person last, whose lists lead to the others."""
    return [
        ("activities", Activity, Q(uid=uid)),
        ("timelines", Delivery, Q(viewer=uid) | Q(actor=uid)),
        ("jobs", Job, Q(subject=uid) | Q(target=uid)),
        ("seen", SeenHistory, Q(uid=uid)),
        ("follows", Follow, Q(follower=uid) | Q(followee=uid)),
        ("people", Person, Q(uid=uid)),
    ]


class Leaving:
    def export(self, uid: str) -> Iterator[tuple[str, Document]]:
        for name, table, about in _about(uid):
            last = 0
            while rows := self._page(table, about, last):
                for row in rows:
                    yield name, model_to_dict(row)
                if table._meta.pk is None or not isinstance(rows[-1].pk, int):
                    break  # one row a person
                last = rows[-1].pk

    @call
    def erase(self, uid: str, *, limit: int = _BATCH) -> int:
        erased = 0
        for name, table, about in _about(uid):
            with transaction.atomic():
                if name == "follows":
                    gone = _unfollowed(uid, limit - erased)
                elif name == "people":
                    gone = _forget(uid)
                else:
                    rows = table._default_manager.filter(about).values_list("pk", flat=True)
                    gone, _ = table._default_manager.filter(pk__in=list(rows[: limit - erased])).delete()
            erased += gone
            if erased >= limit:
                break
        note_documents(erased)
        return erased

    @call
    def traces(self, uid: str) -> dict[str, int]:
        counts = {name: table._default_manager.filter(about).count() for name, table, about in _about(uid)}
        counts["lists"] = sum(
            uid in (*person.blocked, *person.blocked_by, *person.pulled)
            for person in Person.objects.only("blocked", "blocked_by", "pulled").iterator(chunk_size=_BATCH)
        )
        note_documents(sum(counts.values()))
        return {name: number for name, number in counts.items() if number}

    @call
    def _page(self, table: type[Model], about: Q, last: int) -> list[Model]:
        rows = table._default_manager.filter(about).order_by("pk")
        if last:
            rows = rows.filter(pk__gt=last)
        found = list(rows[:_BATCH])
        note_documents(len(found))
        return found


def _unfollowed(uid: str, limit: int) -> int:
    """Edges of both directions; a follower's count and list of pulled accounts follow."""
    edges = list(Follow.objects.filter(Q(follower=uid) | Q(followee=uid)).order_by("pk")[:limit])
    # In one order, as whoever locks several people does. An edge counts for whoever deletes it: its follower
    # may be ending it, too.
    for edge in sorted(edges, key=lambda edge: edge.follower):
        if edge.followee == uid:
            with changing(edge.follower) as follower:
                gone, _ = Follow.objects.filter(pk=edge.pk).delete()
                follower.following -= gone
                follower.pulled = [p for p in follower.pulled if p != uid]
    Follow.objects.filter(pk__in=[edge.pk for edge in edges]).delete()
    return len(edges)


def _forget(uid: str) -> int:
    """The person, once no edge is left, and their name in the lists of those they blocked or who blocked them."""
    person = Person.objects.filter(uid=uid).first()
    if person is None or Follow.objects.filter(Q(follower=uid) | Q(followee=uid)).exists():
        return 0
    for other in sorted({uid, *person.blocked, *person.blocked_by}):
        with changing(other) as theirs:
            theirs.blocked = [u for u in theirs.blocked if u != uid]
            theirs.blocked_by = [u for u in theirs.blocked_by if u != uid]
    # Locked by now. A block that came in before is struck off the next time.
    left = Person.objects.filter(uid=uid, blocked=person.blocked, blocked_by=person.blocked_by)
    left.delete()
    return 1
