"""Profiles, preferences, blocks, reach and seen history."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import F

from activity.models import Follow, Person, SeenHistory
from activity.store import lists, taste, watched
from activity.store.meter import note_documents
from activity.store.orm.calls import call, changing, leave_job, profile_of
from activity.store.watched import Watched
from activity.types import Preferences, Profile, Reach, Slice


class People:
    @call
    def profile(self, uid: str) -> Profile | None:
        person = Person.objects.filter(uid=uid).first()
        note_documents(1)
        return profile_of(person) if person else None

    @call
    def profiles(self, uids: Sequence[str]) -> dict[str, Profile]:
        note_documents(len(uids))
        return {person.uid: profile_of(person) for person in Person.objects.filter(uid__in=uids)}

    @call
    def save_preferences(self, uid: str, preferences: Preferences) -> Profile:
        note_documents(1)
        with transaction.atomic(), changing(uid) as person:
            person.likings = taste.chosen(person.likings, person.preferences, preferences.stated)
            person.preferences.update(preferences.stated)
            if preferences.genres is not None:
                person.genres = list(preferences.genres)
        return profile_of(person)

    @call
    def save_name(self, uid: str, name: str | None, picture: str | None) -> Profile:
        note_documents(1)
        with transaction.atomic(), changing(uid) as person:
            person.name = name or person.name
            person.picture = picture or person.picture
        return profile_of(person)

    @call
    def set_block(self, uid: str, target: str, *, blocked: bool, due: float) -> tuple[Profile, Profile]:
        note_documents(6)
        # One order for both rows, or two people who block each other at once would wait for ever.
        first, second = sorted((uid, target))
        with transaction.atomic(), changing(first) as one, changing(second) as other:
            blocker, blockee = (one, other) if first == uid else (other, one)
            blocker.blocked = lists.blocked(blocker.blocked, target, present=blocked)
            blockee.blocked_by = lists.blocked_by(blockee.blocked_by, uid, present=blocked)
            if blocked:
                _part(blocker, blockee, due=due)
                _part(blockee, blocker, due=due)
        return profile_of(blocker), profile_of(blockee)

    @call
    def set_reach(self, uid: str, reach: Reach, *, due: float) -> Profile:
        note_documents(2)
        with transaction.atomic(), changing(uid) as person:
            person.reach = reach
            if reach in {"rising", "sinking"}:
                leave_job("cross", uid, due=due)
        return profile_of(person)

    @call
    def tell_pulled(self, viewers: Sequence[str], actor: str, *, pulled: bool) -> None:
        note_documents(len(viewers))
        with transaction.atomic():
            people = list(Person.objects.select_for_update().filter(uid__in=viewers).order_by("uid"))
            changed = [person for person in people if (actor in person.pulled) != pulled]
            for person in changed:
                rest = [uid for uid in person.pulled if uid != actor]
                person.pulled = [*rest, actor] if pulled else rest
                person.version = F("version") + 1
            Person.objects.bulk_update(changed, ["pulled", "version"], batch_size=200)

    @call
    def seen(self, uid: str) -> Mapping[str, int]:
        history = SeenHistory.objects.filter(uid=uid).first()
        note_documents(1)
        return dict(history.items) if history else {}

    @call
    def add_history(self, uid: str, slices: Sequence[Slice]) -> Profile:
        note_documents(2)
        with transaction.atomic(), changing(uid) as person:
            if new := watched.unapplied(slices, person.applied):
                before = Watched(person.learned, person.learned_at, person.skipped, person.applied)
                after = watched.joined(before, new)
                person.learned, person.learned_at = after.learned, after.learned_at
                person.skipped, person.applied = after.skipped, after.applied
                _add_seen(uid, new)
        return profile_of(person)


def _add_seen(uid: str, slices: Sequence[Slice]) -> None:
    """The person's lock is their history's, too."""
    history = SeenHistory.objects.filter(uid=uid).first() or SeenHistory(uid=uid)
    newest = watched.newest_seen((dict(history.items), *(s.seen for s in slices)))
    history.items = [list(pair) for pair in newest.items()]
    history.save()


def _part(person: Person, other: Person, *, due: float) -> None:
    """End a follow, if there is one, and leave the purge of what it brought."""
    gone, _ = Follow.objects.filter(follower=person.uid, followee=other.uid).delete()
    person.following -= gone
    person.pulled = [uid for uid in person.pulled if uid != other.uid]
    leave_job("purge", person.uid, other.uid, version=person.version + 1, due=due)
