"""Profiles, preferences, blocks, reach and seen history."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from google.cloud import firestore

from activity.rules import blocks, history
from activity.rules import preferences as preference_rules
from activity.rules import reach as reach_rules
from activity.store.firestore import calls, layout, person
from activity.store.firestore.calls import Write, bulk_store_call, store_call
from activity.store.firestore.changes import OptimisticChange, commit_with_retry
from activity.store.firestore.jobs import save_jobs
from activity.store.meter import count_documents
from activity.types import HistoryDelta, Preferences, Profile, Reach
from core.codecs import decode

MAX_SEEN_BYTES: Final = 900_000  # a document may have 1 MiB


class People:
    @store_call
    def get_profile(self, uid: str) -> Profile | None:
        count_documents(1)
        (snapshot,) = calls.read([layout.person(uid)])
        return person.from_snapshot(uid, snapshot).profile if snapshot.exists else None

    @bulk_store_call
    def get_profiles(self, uids: Sequence[str]) -> dict[str, Profile]:
        count_documents(len(uids))
        wanted = list(dict.fromkeys(uids))
        snapshots = calls.read([layout.person(uid) for uid in wanted])
        return {
            uid: person.from_snapshot(uid, snapshot).profile
            for uid, snapshot in zip(wanted, snapshots, strict=True)
            if snapshot.exists
        }

    @store_call
    def get_uids(self, *, after: str = "", limit: int = 500) -> list[str]:
        query = layout.people().select(["uid"]).order_by("__name__").limit(limit)
        if after:
            query = query.start_after({"__name__": layout.person(after)})
        uids = [snapshot.get("uid") for snapshot in calls.run_query(query)]
        count_documents(len(uids))
        return uids

    @store_call
    def save_preferences(self, uid: str, preferences: Preferences) -> Profile:
        count_documents(2)

        def decide(change: OptimisticChange) -> Profile:
            ref = layout.preferences(uid)
            snapshot, synced = change.read(layout.person(uid), ref)
            before = person.from_snapshot(uid, snapshot)
            stored = layout.unpack_map((synced.to_dict() or {}).get("synced"))
            saved = preference_rules.save_preferences(before, stored, preferences)
            if saved.preferences != stored:
                change.put(ref, {"uid": uid, "synced": layout.pack_map(saved.preferences)})
            person.save_person(change, before, saved.person)
            return saved.person.profile

        return commit_with_retry(decide)

    @store_call
    def save_name(self, uid: str, name: str | None, picture: str | None) -> Profile:
        count_documents(1)

        def decide(change: OptimisticChange) -> Profile:
            (snapshot,) = change.read(layout.person(uid))
            before = person.from_snapshot(uid, snapshot)
            after = preference_rules.save_name(before, name, picture)
            person.save_person(change, before, after)
            return after.profile

        return commit_with_retry(decide)

    @store_call
    def set_block(self, uid: str, target: str, *, blocked: bool, due: float) -> tuple[Profile, Profile]:
        count_documents(6)

        def decide(change: OptimisticChange) -> tuple[Profile, Profile]:
            edges = (layout.edge(uid, target), layout.edge(target, uid))
            mine, theirs, following, followed = change.read(layout.person(uid), layout.person(target), *edges)
            blocker, other = person.from_snapshot(uid, mine), person.from_snapshot(target, theirs)
            if blocked:
                after = blocks.block(
                    blocker, other, is_follower=following.exists, is_followed=followed.exists, due=due
                )
                for edge in (following, followed):
                    if edge.exists:
                        change.delete(edge)
            else:
                after = blocks.unblock(blocker, other)
            person.save_person(change, blocker, after.blocker)
            person.save_person(change, other, after.blocked)
            save_jobs(change, after.jobs)
            return after.blocker.profile, after.blocked.profile

        return commit_with_retry(decide)

    @store_call
    def set_reach(self, uid: str, reach: Reach, *, due: float) -> Profile:
        count_documents(2)

        def decide(change: OptimisticChange) -> Profile:
            (snapshot,) = change.read(layout.person(uid))
            before = person.from_snapshot(uid, snapshot)
            after = reach_rules.set_reach(before, reach, due=due)
            person.save_person(change, before, after.person)
            save_jobs(change, after.jobs)
            return after.person.profile

        return commit_with_retry(decide)

    @bulk_store_call
    def update_pull_lists(self, viewers: Sequence[str], author: str, *, listed: bool) -> None:
        count_documents(len(viewers))
        name = person.document_name("pull_list")
        refs = [layout.person(viewer) for viewer in dict.fromkeys(viewers)]
        # Transforms have the effect of `reach_rules.update_pull_list`, and no conflicts.
        transform = firestore.ArrayUnion if listed else firestore.ArrayRemove
        fields = {name: transform([author]), "version": firestore.Increment(1)}
        calls.write_bulk(
            Write("update", snapshot.reference, fields)
            for snapshot in calls.read(refs, fields=[name])
            if snapshot.exists and (author in snapshot.get(name)) != listed
        )

    @store_call
    def get_seen(self, uid: str) -> Mapping[str, int]:
        count_documents(1)
        (snapshot,) = calls.read([layout.seen(uid)])
        return unpack_seen((snapshot.to_dict() or {}).get("items"))

    @store_call
    def apply_history(self, uid: str, deltas: Sequence[HistoryDelta]) -> Profile:
        count_documents(2)

        def decide(change: OptimisticChange) -> Profile:
            ref = layout.seen(uid)
            snapshot, seen_snapshot = change.read(layout.person(uid), ref)
            before = person.from_snapshot(uid, snapshot)
            unapplied = history.select_unapplied(deltas, before.stream_positions)
            if not unapplied:
                return before.profile
            seen = unpack_seen((seen_snapshot.to_dict() or {}).get("items"))
            after, newest = history.apply_history(before, seen, unapplied)
            change.put(ref, {"uid": uid, "items": pack_seen(list(newest.items()))})
            person.save_person(change, before, after)
            return after.profile

        return commit_with_retry(decide)


def unpack_seen(packed: bytes | None) -> dict[str, int]:
    """Return item → when it was seen, none if the value is absent or unreadable."""
    return dict(decode(tuple[tuple[str, int], ...], packed or None) or ())


def pack_seen(newest: list[tuple[str, int]]) -> bytes:
    """Pack as many of the newest items as a document holds: all 5,000, unless their ids are very long."""
    while len(packed := orjson.dumps(newest)) > MAX_SEEN_BYTES:
        newest = newest[: len(newest) * 9 // 10]
    return packed
