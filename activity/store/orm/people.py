"""Profiles, preferences, blocks, reach and seen history."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from activity.models import Person as PersonRow
from activity.models import SeenHistory
from activity.rules import blocks, history
from activity.rules import preferences as preference_rules
from activity.rules import reach as reach_rules
from activity.store.meter import count_documents
from activity.store.orm.calls import store_call
from activity.store.orm.follows import delete_edge
from activity.store.orm.jobs import save_jobs
from activity.store.orm.person import from_row, lock_person, save_person
from activity.types import HistoryDelta, Preferences, Profile, Reach
from core.codecs import convert


class People:
    @store_call
    def get_profile(self, uid: str) -> Profile | None:
        row = PersonRow.objects.filter(uid=uid).first()
        count_documents(1)
        return from_row(row).profile if row else None

    @store_call
    def get_profiles(self, uids: Sequence[str]) -> dict[str, Profile]:
        count_documents(len(uids))
        return {row.uid: from_row(row).profile for row in PersonRow.objects.filter(uid__in=uids)}

    @store_call
    def get_uids(self, *, after: str = "", limit: int = 500) -> list[str]:
        rows = PersonRow.objects.filter(uid__gt=after).order_by("uid")
        uids = list(rows.values_list("uid", flat=True)[:limit])
        count_documents(len(uids))
        return uids

    @store_call
    def save_preferences(self, uid: str, preferences: Preferences) -> Profile:
        count_documents(1)
        with transaction.atomic():
            row = lock_person(uid)
            change = preference_rules.save_preferences(from_row(row), row.preferences, preferences)
            save_person(row, change.person, preferences=change.preferences)
        return change.person.profile

    @store_call
    def save_name(self, uid: str, name: str | None, picture: str | None) -> Profile:
        count_documents(1)
        with transaction.atomic():
            row = lock_person(uid)
            person = preference_rules.save_name(from_row(row), name, picture)
            save_person(row, person)
        return person.profile

    @store_call
    def set_block(self, uid: str, target: str, *, blocked: bool, due: float) -> tuple[Profile, Profile]:
        count_documents(6)
        with transaction.atomic():
            # Always lock in the order of uids, or two people who block each other at the same time would deadlock.
            rows = {either: lock_person(either) for either in sorted((uid, target))}
            blocker, other = from_row(rows[uid]), from_row(rows[target])
            if blocked:
                change = blocks.block(
                    blocker,
                    other,
                    is_follower=delete_edge(uid, target),
                    is_followed=delete_edge(target, uid),
                    due=due,
                )
            else:
                change = blocks.unblock(blocker, other)
            save_jobs(change.jobs)
            save_person(rows[uid], change.blocker)
            save_person(rows[target], change.blocked)
        return change.blocker.profile, change.blocked.profile

    @store_call
    def set_reach(self, uid: str, reach: Reach, *, due: float) -> Profile:
        count_documents(2)
        with transaction.atomic():
            row = lock_person(uid)
            change = reach_rules.set_reach(from_row(row), reach, due=due)
            save_jobs(change.jobs)
            save_person(row, change.person)
        return change.person.profile

    @store_call
    def update_pull_lists(self, viewers: Sequence[str], author: str, *, listed: bool) -> None:
        count_documents(len(viewers))
        with transaction.atomic():
            rows = list(PersonRow.objects.select_for_update().filter(uid__in=viewers).order_by("uid"))
            changed = []
            for row in rows:
                before = tuple(row.pull_list)
                after = reach_rules.update_pull_list(before, author, listed=listed)
                if after != before:
                    row.pull_list, row.version = list(after), row.version + 1
                    changed.append(row)
            PersonRow.objects.bulk_update(changed, ["pull_list", "version"], batch_size=200)

    @store_call
    def get_seen(self, uid: str) -> Mapping[str, int]:
        row = SeenHistory.objects.filter(uid=uid).first()
        count_documents(1)
        return _get_seen(row) if row else {}

    @store_call
    def apply_history(self, uid: str, deltas: Sequence[HistoryDelta]) -> Profile:
        count_documents(2)
        with transaction.atomic():
            row = lock_person(uid)
            person = from_row(row)
            unapplied = history.select_unapplied(deltas, person.stream_positions)
            if unapplied:
                # The person's lock protects their seen history too.
                seen_row = SeenHistory.objects.filter(uid=uid).first() or SeenHistory(uid=uid)
                person, seen = history.apply_history(person, _get_seen(seen_row), unapplied)
                seen_row.items = [list(pair) for pair in seen.items()]
                seen_row.save()
                save_person(row, person)
        return person.profile


def _get_seen(row: SeenHistory) -> dict[str, int]:
    """Return item → when it was seen, none if the row is unreadable."""
    return dict(convert(tuple[tuple[str, int], ...], row.items) or ())
