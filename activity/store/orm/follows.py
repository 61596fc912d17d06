"""Follow edges."""

from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from activity.models import Follow
from activity.rules import follows
from activity.store.meter import count_documents
from activity.store.orm.calls import store_call
from activity.store.orm.jobs import save_jobs
from activity.store.orm.person import from_row, lock_person, save_person
from activity.types import FollowEdge, Profile
from core.sql.json_rows import in_values


class Follows:
    @store_call
    def follow(self, uid: str, target: str, *, now: float, due: float) -> tuple[Profile, bool]:
        count_documents(3)
        with transaction.atomic():
            row = lock_person(uid)
            person = from_row(row)
            if Follow.objects.filter(follower=uid, followee=target).exists():
                return person.profile, False
            change = follows.follow(person, target, due=due)
            Follow.objects.create(follower=uid, followee=target, at=now)
            save_jobs(change.jobs)
            save_person(row, change.person)
        return change.person.profile, True

    @store_call
    def unfollow(self, uid: str, target: str, *, due: float) -> tuple[Profile, bool]:
        count_documents(3)
        with transaction.atomic():
            row = lock_person(uid)
            person = from_row(row)
            if not delete_edge(uid, target):
                return person.profile, False
            change = follows.unfollow(person, target, due=due)
            save_jobs(change.jobs)
            save_person(row, change.person)
        return change.person.profile, True

    @store_call
    def get_follower_uids(self, uid: str, *, after: str = "", limit: int = 500) -> list[str]:
        edges = Follow.objects.filter(followee=uid, follower__gt=after).order_by("follower")
        uids = list(edges.values_list("follower", flat=True)[:limit])
        count_documents(len(uids))
        return uids

    @store_call
    def get_followers(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        rows = Follow.objects.filter(followee=uid).order_by("-at", "follower").values_list("follower", "at")
        return _make_edges(rows[offset : offset + limit], offset)

    @store_call
    def get_following(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        rows = Follow.objects.filter(follower=uid).order_by("-at", "followee").values_list("followee", "at")
        return _make_edges(rows[offset : offset + limit], offset)

    @store_call
    def count_followers(self, uid: str) -> int:
        count_documents(1)
        return Follow.objects.filter(followee=uid).count()

    @store_call
    def count_following(self, uid: str) -> int:
        count_documents(1)
        return Follow.objects.filter(follower=uid).count()

    @store_call
    def get_existing_edges(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        count_documents(len(pairs))
        wanted = set(pairs)
        if not wanted:
            return set()
        # One side is nearly always one person. Query by the two sides, then keep the wanted pairs.
        followers_by_followee: dict[str, list[str]] = {}
        for follower, followee in wanted:
            followers_by_followee.setdefault(followee, []).append(follower)
        if len(followers_by_followee) > len({follower for follower, _ in wanted}):
            rows = Follow.objects.filter(
                follower__in={follower for follower, _ in wanted}, followee__in=list(followers_by_followee)
            ).values_list("follower", "followee")
            return wanted & set(rows)
        conditions = (
            Q(followee=followee, follower__in=in_values(followers))
            for followee, followers in followers_by_followee.items()
        )
        return set(Follow.objects.filter(reduce(or_, conditions)).values_list("follower", "followee"))


def delete_edge(follower: str, followee: str) -> bool:
    """Delete a follow edge and return whether there was one. 1 SQL."""
    deleted, _ = Follow.objects.filter(follower=follower, followee=followee).delete()
    return bool(deleted)


def _make_edges(rows: Iterable[tuple[str, float]], offset: int) -> list[FollowEdge]:
    edges = [FollowEdge(uid, at) for uid, at in rows]
    count_documents(offset + len(edges))
    return edges
