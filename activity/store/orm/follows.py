"""Who follows whom."""

from collections.abc import Collection
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from activity.models import Follow
from activity.store.meter import note_documents
from activity.store.orm.calls import call, changing, leave_job, profile_of
from activity.types import FOLLOWS_KEPT, Blocked, Edge, LimitReached, Profile
from core.sql.json_rows import in_values


class Follows:
    @call
    def follow(self, uid: str, target: str, *, now: float, due: float) -> tuple[Profile, bool]:
        note_documents(3)
        with transaction.atomic(), changing(uid) as person:
            new = not Follow.objects.filter(follower=uid, followee=target).exists()
            if new:
                if target in person.blocked or target in person.blocked_by:
                    raise Blocked("There is a block between you and this person.")
                if person.following >= FOLLOWS_KEPT:
                    raise LimitReached(f"more than {FOLLOWS_KEPT} follows")
                Follow.objects.create(follower=uid, followee=target, at=now)
                person.following += 1
                leave_job("backfill", uid, target, version=person.version + 1, due=due)
        return profile_of(person), new

    @call
    def unfollow(self, uid: str, target: str, *, due: float) -> tuple[Profile, bool]:
        note_documents(3)
        with transaction.atomic(), changing(uid) as person:
            gone, _ = Follow.objects.filter(follower=uid, followee=target).delete()
            if gone:
                person.following -= 1
                person.pulled = [p for p in person.pulled if p != target]
                person.choice_version += 1
                leave_job("purge", uid, target, version=person.version + 1, due=due)
        return profile_of(person), bool(gone)

    @call
    def followers(self, uid: str, *, after: str = "", limit: int = 500) -> list[str]:
        edges = Follow.objects.filter(followee=uid, follower__gt=after).order_by("follower")
        found = list(edges.values_list("follower", flat=True)[:limit])
        note_documents(len(found))
        return found

    @call
    def follower_edges(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[Edge]:
        rows = Follow.objects.filter(followee=uid).order_by("-at", "follower").values_list("follower", "at")
        return _edges(rows[offset : offset + limit], offset)

    @call
    def following_edges(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[Edge]:
        rows = Follow.objects.filter(follower=uid).order_by("-at", "followee").values_list("followee", "at")
        return _edges(rows[offset : offset + limit], offset)

    @call
    def follower_count(self, uid: str) -> int:
        note_documents(1)
        return Follow.objects.filter(followee=uid).count()

    @call
    def following_count(self, uid: str) -> int:
        note_documents(1)
        return Follow.objects.filter(follower=uid).count()

    @call
    def edges(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        note_documents(len(pairs))
        wanted = set(pairs)
        if not wanted:
            return set()
        # One side is nearly always one person: ask for the sides apart, then keep the pairs.
        followees: dict[str, list[str]] = {}
        for follower, followee in wanted:
            followees.setdefault(followee, []).append(follower)
        if len(followees) > len({follower for follower, _ in wanted}):
            rows = Follow.objects.filter(
                follower__in={f for f, _ in wanted}, followee__in=list(followees)
            ).values_list("follower", "followee")
            return wanted & set(rows)
        either = reduce(or_, (Q(followee=to, follower__in=in_values(who)) for to, who in followees.items()))
        return set(Follow.objects.filter(either).values_list("follower", "followee"))


def _edges(rows: object, offset: int) -> list[Edge]:
    found = [Edge(uid, at) for uid, at in rows]  # type: ignore[attr-defined]
    note_documents(offset + len(found))
    return found
