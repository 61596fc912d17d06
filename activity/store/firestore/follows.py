"""Follow edges."""

from collections.abc import Collection

from google.cloud.firestore_v1 import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.rules import follows
from activity.store.firestore import calls, layout, person
from activity.store.firestore.calls import bulk_store_call, store_call
from activity.store.firestore.changes import OptimisticChange, commit_with_retry
from activity.store.firestore.jobs import save_jobs
from activity.store.meter import count_documents
from activity.types import FollowEdge, Profile


class Follows:
    @store_call
    def follow(self, uid: str, target: str, *, now: float, due: float) -> tuple[Profile, bool]:
        count_documents(3)

        def decide(change: OptimisticChange) -> tuple[Profile, bool]:
            ref = layout.edge(uid, target)
            snapshot, edge = change.read(layout.person(uid), ref)
            before = person.from_snapshot(uid, snapshot)
            if edge.exists:
                return before.profile, False
            followed = follows.follow(before, target, due=due)
            change.put(ref, {"follower": uid, "followee": target, "at": now})
            person.save_person(change, before, followed.person)
            save_jobs(change, followed.jobs)
            return followed.person.profile, True

        return commit_with_retry(decide)

    @store_call
    def unfollow(self, uid: str, target: str, *, due: float) -> tuple[Profile, bool]:
        count_documents(3)

        def decide(change: OptimisticChange) -> tuple[Profile, bool]:
            snapshot, edge = change.read(layout.person(uid), layout.edge(uid, target))
            before = person.from_snapshot(uid, snapshot)
            if not edge.exists:
                return before.profile, False
            unfollowed = follows.unfollow(before, target, due=due)
            change.delete(edge)
            person.save_person(change, before, unfollowed.person)
            save_jobs(change, unfollowed.jobs)
            return unfollowed.person.profile, True

        return commit_with_retry(decide)

    @store_call
    def get_follower_uids(self, uid: str, *, after: str = "", limit: int = 500) -> list[str]:
        query = query_followers(uid).limit(limit).start_after({"follower": after})
        uids = [snapshot.get("follower") for snapshot in calls.run_query(query)]
        count_documents(len(uids))
        return uids

    @store_call
    def get_followers(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        return _get_edges("followee", uid, "follower", offset, limit)

    @store_call
    def get_following(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        return _get_edges("follower", uid, "followee", offset, limit)

    @store_call
    def count_followers(self, uid: str) -> int:
        return _count(query_followers(uid))

    @store_call
    def count_following(self, uid: str) -> int:
        return _count(query_following(uid))

    @bulk_store_call
    def get_existing_edges(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        count_documents(len(pairs))
        wanted = list(set(pairs))
        refs = [layout.edge(follower, followee) for follower, followee in wanted]
        snapshots = calls.read(refs, fields=["at"])
        return {pair for pair, snapshot in zip(wanted, snapshots, strict=True) if snapshot.exists}


def query_followers(uid: str) -> Query:
    """Return the query of edges to a person, by the followers' uids."""
    return layout.follows().where(filter=FieldFilter("followee", "==", uid)).order_by("follower")


def query_following(uid: str) -> Query:
    """Return the query of edges from a person, newest first."""
    edges = layout.follows().where(filter=FieldFilter("follower", "==", uid))
    return edges.order_by("at", direction=Query.DESCENDING)


def _get_edges(side: str, uid: str, other_side: str, offset: int, limit: int) -> list[FollowEdge]:
    query = layout.follows().where(filter=FieldFilter(side, "==", uid))
    newest = query.order_by("at", direction=Query.DESCENDING).offset(offset).limit(limit)
    edges = [FollowEdge(row.get(other_side), row.get("at")) for row in calls.run_query(newest)]
    count_documents(offset + len(edges))
    return sorted(edges, key=lambda edge: (-edge.at, edge.uid))


def _count(query: Query) -> int:
    number = calls.count_matches(query)
    count_documents(max(1, -(-number // 1_000)))
    return number
