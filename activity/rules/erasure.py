"""Changes to other people's data when a person is erased."""

from dataclasses import replace
from typing import Final

from activity.rules.follows import end_follow
from activity.rules.person import Person, raise_versions

# The fields of a person that name other people.
UID_LISTS: Final = ("blocked", "blocked_by", "pull_list")


def remove_followee(follower: Person, uid: str) -> Person:
    """Return a follower after the erased person's edge was deleted. It is not the follower's choice."""
    return raise_versions(follower, end_follow(follower, uid))


def remove_from_lists(person: Person, uid: str) -> Person:
    """Return another person without the erased person's uid in their lists."""
    after = replace(
        person,
        blocked=_without(person.blocked, uid),
        blocked_by=_without(person.blocked_by, uid),
        pull_list=_without(person.pull_list, uid),
    )
    return raise_versions(person, after)


def _without(uids: tuple[str, ...], uid: str) -> tuple[str, ...]:
    return tuple(other for other in uids if other != uid)
