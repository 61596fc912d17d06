"""Following and unfollowing."""

from dataclasses import replace

from activity.rules.person import Person, PersonChange, raise_versions
from activity.types import MAX_FOLLOWS, Blocked, Job, LimitReached


def follow(person: Person, target: str, *, due: float) -> PersonChange:
    """Follow a target that the person does not follow yet, leaving a backfill job.

    Raises Blocked if one of the two blocks the other, and LimitReached beyond MAX_FOLLOWS.
    """
    check_may_follow(person, target)
    after = raise_versions(person, replace(person, following_count=person.following_count + 1))
    return PersonChange(after, (Job("backfill", person.uid, target, after.version, due),))


def unfollow(person: Person, target: str, *, due: float) -> PersonChange:
    """End a follow that exists, leaving a purge job. This is a choice of the person's."""
    after = raise_versions(person, end_follow(person, target), is_choice=True)
    return PersonChange(after, (Job("purge", person.uid, target, after.version, due),))


def check_may_follow(person: Person, target: str) -> None:
    """Raise Blocked if one of the two blocks the other, and LimitReached at MAX_FOLLOWS."""
    if target in person.blocked or target in person.blocked_by:
        raise Blocked("There is a block between you and this person.")
    if person.following_count >= MAX_FOLLOWS:
        raise LimitReached(f"more than {MAX_FOLLOWS} follows")


def end_follow(person: Person, target: str) -> Person:
    """Return the person without a follow that exists. Versions do not rise."""
    return replace(
        leave_pull_list(person, target),
        following_count=person.following_count - 1,
    )


def leave_pull_list(person: Person, target: str) -> Person:
    """Return the person without `target` on the pull list. Versions do not rise."""
    return replace(person, pull_list=tuple(uid for uid in person.pull_list if uid != target))
