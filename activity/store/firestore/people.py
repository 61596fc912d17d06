"""Profiles, preferences, blocks, reach and seen history."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson
from google.cloud import firestore

from activity.store import lists, taste, watched
from activity.store.firestore import calls, layout, person
from activity.store.firestore.calls import Write, call, long_call
from activity.store.firestore.changes import Change, settle
from activity.store.firestore.jobs import leave_job
from activity.store.firestore.layout import Snapshot
from activity.store.firestore.person import Person
from activity.store.meter import note_documents
from activity.store.watched import Watched
from activity.types import Preferences, Profile, Reach, Slice

SEEN_BYTES: Final = 900_000  # of a document's 1 MiB


class People:
    @call
    def profile(self, uid: str) -> Profile | None:
        note_documents(1)
        (there,) = calls.read([layout.person(uid)])
        return person.of(uid, there).profile if there.exists else None

    @long_call
    def profiles(self, uids: Sequence[str]) -> dict[str, Profile]:
        note_documents(len(uids))
        wanted = list(dict.fromkeys(uids))
        snapshots = calls.read([layout.person(uid) for uid in wanted])
        known = [(uid, there) for uid, there in zip(wanted, snapshots, strict=True) if there.exists]
        return {uid: person.of(uid, there).profile for uid, there in known}

    @call
    def save_preferences(self, uid: str, preferences: Preferences) -> Profile:
        note_documents(2)

        def decide(change: Change) -> Profile:
            ref = layout.preferences(uid)
            there, synced = change.read(layout.person(uid), ref)
            before = person.of(uid, there)
            given = preferences.stated
            kept = layout.unpacked((synced.to_dict() or {}).get("synced"))
            likings = taste.chosen(before.likings, kept, given)
            if differs := {**kept, **given} != kept:
                change.put(ref, {"uid": uid, "synced": layout.packed({**kept, **given})})
            genres = before.genres if preferences.genres is None else preferences.genres
            return person.save(
                change, before, replace(before, genres=genres, likings=likings), synced=differs
            ).profile

        return settle(decide)

    @call
    def save_name(self, uid: str, name: str | None, picture: str | None) -> Profile:
        note_documents(1)

        def decide(change: Change) -> Profile:
            (there,) = change.read(layout.person(uid))
            before = person.of(uid, there)
            after = replace(before, name=name or before.name, picture=picture or before.picture)
            return person.save(change, before, after).profile

        return settle(decide)

    @call
    def set_block(self, uid: str, target: str, *, blocked: bool, due: float) -> tuple[Profile, Profile]:
        note_documents(6)

        def decide(change: Change) -> tuple[Profile, Profile]:
            refs = [
                layout.person(uid),
                layout.person(target),
                layout.edge(uid, target),
                layout.edge(target, uid),
            ]
            mine, theirs, following, followed = change.read(*refs)
            one, other = person.of(uid, mine), person.of(target, theirs)
            blocker = replace(one, blocked=tuple(lists.blocked(one.blocked, target, present=blocked)))
            blockee = replace(
                other, blocked_by=tuple(lists.blocked_by(other.blocked_by, uid, present=blocked))
            )
            if blocked:
                blocker = _parted(change, blocker, target, following, due=due)
                blockee = _parted(change, blockee, uid, followed, due=due)
            return person.save(change, one, blocker).profile, person.save(change, other, blockee).profile

        return settle(decide)

    @call
    def set_reach(self, uid: str, reach: Reach, *, due: float) -> Profile:
        note_documents(2)

        def decide(change: Change) -> Profile:
            (there,) = change.read(layout.person(uid))
            before = person.of(uid, there)
            if reach in {"rising", "sinking"}:
                leave_job(change, "cross", uid, due=due)
            return person.save(change, before, replace(before, reach=reach)).profile

        return settle(decide)

    @long_call
    def tell_pulled(self, viewers: Sequence[str], actor: str, *, pulled: bool) -> None:
        note_documents(len(viewers))
        refs = [layout.person(viewer) for viewer in dict.fromkeys(viewers)]
        edit = firestore.ArrayUnion if pulled else firestore.ArrayRemove
        told = {"pulled": edit([actor]), "version": firestore.Increment(1)}
        calls.bulk(
            Write("update", there.reference, told)
            for there in calls.read(refs, fields=["pulled"])
            if there.exists and (actor in there.get("pulled")) != pulled
        )

    @call
    def seen(self, uid: str) -> Mapping[str, int]:
        note_documents(1)
        (there,) = calls.read([layout.seen(uid)])
        return _items((there.to_dict() or {}).get("items"))

    @call
    def add_history(self, uid: str, slices: Sequence[Slice]) -> Profile:
        note_documents(2)

        def decide(change: Change) -> Profile:
            ref = layout.seen(uid)
            there, history = change.read(layout.person(uid), ref)
            before = person.of(uid, there)
            new = watched.unapplied(slices, before.applied)
            if not new:
                return before.profile
            kept = Watched(before.learned, before.learned_at, before.skipped, before.applied)
            items = _items((history.to_dict() or {}).get("items"))
            newest = watched.newest_seen((items, *(s.seen for s in new)))
            change.put(ref, {"uid": uid, "items": _fitting(list(newest.items()))})
            after = replace(before, **watched.joined(kept, new)._asdict())
            return person.save(change, before, after).profile

        return settle(decide)


def _parted(change: Change, one: Person, other: str, edge: Snapshot, *, due: float) -> Person:
    """`one` no longer follows `other`, and the purge of what that brought is left."""
    leave_job(change, "purge", one.uid, other, version=one.version + 1, due=due)
    if not edge.exists:
        return one
    change.drop(edge)
    return replace(one, following=one.following - 1, pulled=tuple(u for u in one.pulled if u != other))


def _items(raw: bytes | None) -> dict[str, int]:
    return dict(orjson.loads(raw)) if raw else {}


def _fitting(newest: list[tuple[str, int]]) -> bytes:
    """As many of the newest as a document holds: 5,000 unless their ids are very long."""
    while len(raw := orjson.dumps(newest)) > SEEN_BYTES:
        newest = newest[: len(newest) * 9 // 10]
    return raw
