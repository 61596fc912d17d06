"""Blocking and unblocking."""

from dataclasses import dataclass, replace

from activity.rules.follows import end_follow, leave_pull_list
from activity.rules.person import Person, raise_versions
from activity.types import MAX_BLOCKED_BY, MAX_BLOCKS, Job, LimitReached


@dataclass(frozen=True, slots=True)
class BlockChange:
    """Both people after a block or its end, and the jobs that it leaves."""

    blocker: Person
    blocked: Person
    jobs: tuple[Job, ...] = ()


def block(
    blocker: Person, blocked: Person, *, is_follower: bool, is_followed: bool, due: float
) -> BlockChange:
    """Let one person block another: ends the follows between them and leaves a purge job for each.

    `is_follower` says that the blocker follows the other person, `is_followed` that the other person follows the
    blocker. Purge jobs are left also without follows, because a timeline may still hold rows of an ended one. Blocking
    again changes nothing. Raises LimitReached beyond MAX_BLOCKS.
    """
    blocker_after = replace(blocker, blocked=add_block(blocker.blocked, blocked.uid))
    blocked_after = replace(blocked, blocked_by=add_blocked_by(blocked.blocked_by, blocker.uid))
    return BlockChange(
        raise_versions(blocker, _end_any_follow(blocker_after, blocked.uid, exists=is_follower)),
        raise_versions(blocked, _end_any_follow(blocked_after, blocker.uid, exists=is_followed)),
        (_purge(blocker, blocked, due=due), _purge(blocked, blocker, due=due)),
    )


def unblock(blocker: Person, blocked: Person) -> BlockChange:
    """End a block. Follows that the block ended do not return."""
    return BlockChange(
        raise_versions(blocker, replace(blocker, blocked=_without(blocker.blocked, blocked.uid))),
        raise_versions(blocked, replace(blocked, blocked_by=_without(blocked.blocked_by, blocker.uid))),
    )


def add_block(uids: tuple[str, ...], uid: str) -> tuple[str, ...]:
    """Return the uids that a person blocks, with `uid` last if it is new. Raises LimitReached beyond MAX_BLOCKS."""
    added = uids if uid in uids else (*uids, uid)
    if len(added) > MAX_BLOCKS:
        raise LimitReached(f"more than {MAX_BLOCKS} blocked people")
    return added


def add_blocked_by(uids: tuple[str, ...], uid: str) -> tuple[str, ...]:
    """Return the newest MAX_BLOCKED_BY uids that block a person, so that no number of them prevents a block."""
    added = uids if uid in uids else (*uids, uid)
    return added[-MAX_BLOCKED_BY:]


def _end_any_follow(person: Person, other: str, *, exists: bool) -> Person:
    return end_follow(person, other) if exists else leave_pull_list(person, other)


def _purge(person: Person, other: Person, *, due: float) -> Job:
    # A version above all earlier ones, so that the job replaces an earlier one, also if the person does not change.
    return Job("purge", person.uid, other.uid, person.version + 1, due)


def _without(uids: tuple[str, ...], uid: str) -> tuple[str, ...]:
    return tuple(other for other in uids if other != uid)
