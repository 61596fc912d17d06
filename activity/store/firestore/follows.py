"""Who follows whom."""

from collections.abc import Collection
from dataclasses import replace

from google.cloud.firestore_v1 import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.store.firestore import calls, layout, person
from activity.store.firestore.calls import call, long_call
from activity.store.firestore.changes import Change, settle
from activity.store.firestore.jobs import leave_job
from activity.store.meter import note_documents
from activity.types import FOLLOWS_KEPT, Blocked, Edge, LimitReached, Profile


class Follows:
    @call
    def follow(self, uid: str, target: str, *, now: float, due: float) -> tuple[Profile, bool]:
        note_documents(3)

        def decide(change: Change) -> tuple[Profile, bool]:
            ref = layout.edge(uid, target)
            there, edge = change.read(layout.person(uid), ref)
            before = person.of(uid, there)
            if edge.exists:
                return before.profile, False
            if target in (*before.blocked, *before.blocked_by):
                raise Blocked("There is a block between you and this person.")
            if before.following >= FOLLOWS_KEPT:
                raise LimitReached(f"more than {FOLLOWS_KEPT} follows")
            change.put(ref, {"follower": uid, "followee": target, "at": now})
            after = person.save(change, before, replace(before, following=before.following + 1))
            leave_job(change, "backfill", uid, target, version=after.version, due=due)
            return after.profile, True

        return settle(decide)

    @call
    def unfollow(self, uid: str, target: str, *, due: float) -> tuple[Profile, bool]:
        note_documents(3)

        def decide(change: Change) -> tuple[Profile, bool]:
            there, edge = change.read(layout.person(uid), layout.edge(uid, target))
            before = person.of(uid, there)
            if not edge.exists:
                return before.profile, False
            change.drop(edge)
            pulled = tuple(followee for followee in before.pulled if followee != target)
            less = replace(before, following=before.following - 1, pulled=pulled)
            after = person.save(change, before, less, chose=True)
            leave_job(change, "purge", uid, target, version=after.version, due=due)
            return after.profile, True

        return settle(decide)

    @call
    def followers(self, uid: str, *, after: str = "", limit: int = 500) -> list[str]:
        query = followers_of(uid).limit(limit)
        found = [there.get("follower") for there in calls.find(query.start_after({"follower": after}))]
        note_documents(len(found))
        return found

    @call
    def follower_edges(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[Edge]:
        return _listed("followee", uid, "follower", offset, limit)

    @call
    def following_edges(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[Edge]:
        return _listed("follower", uid, "followee", offset, limit)

    @call
    def follower_count(self, uid: str) -> int:
        return _counted(followers_of(uid))

    @call
    def following_count(self, uid: str) -> int:
        return _counted(following_of(uid))

    @long_call
    def edges(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        note_documents(len(pairs))
        wanted = list(set(pairs))
        refs = [layout.edge(follower, followee) for follower, followee in wanted]
        there = calls.read(refs, fields=["at"])
        return {pair for pair, edge in zip(wanted, there, strict=True) if edge.exists}


def followers_of(uid: str) -> Query:
    """In the order of their uids."""
    return layout.follows().where(filter=FieldFilter("followee", "==", uid)).order_by("follower")


def following_of(uid: str) -> Query:
    """Newest first."""
    mine = layout.follows().where(filter=FieldFilter("follower", "==", uid))
    return mine.order_by("at", direction=Query.DESCENDING)


def _listed(side: str, uid: str, other: str, offset: int, limit: int) -> list[Edge]:
    query = layout.follows().where(filter=FieldFilter(side, "==", uid))
    newest = query.order_by("at", direction=Query.DESCENDING).offset(offset).limit(limit)
    found = [Edge(there.get(other), there.get("at")) for there in calls.find(newest)]
    note_documents(offset + len(found))
    return sorted(found, key=lambda edge: (-edge.at, edge.uid))


def _counted(query: Query) -> int:
    counted = calls.count(query)
    note_documents(max(1, -(-counted // 1_000)))
    return counted
