"""The reach of an account, and the pull lists of its followers."""

from dataclasses import replace
from typing import Final

from activity.rules.person import Person, PersonChange, raise_versions
from activity.types import Job, Reach

# Below this part of the limit an account is pushed again. The gap keeps accounts near the limit from alternating.
PUSH_AGAIN_BELOW: Final = 0.8


def set_reach(person: Person, reach: Reach, *, due: float) -> PersonChange:
    """Set the reach. A transition (`to_pull`, `to_push`) leaves a change_reach job."""
    jobs = (Job("change_reach", person.uid, due=due),) if reach in {"to_pull", "to_push"} else ()
    return PersonChange(raise_versions(person, replace(person, reach=reach)), jobs)


def get_wanted_reach(reach: Reach, follower_count: int, limit: int) -> Reach:
    """Return the reach of an account after a look at its followers: begins a transition, or leaves the reach."""
    if reach == "push" and follower_count > limit:
        return "to_pull"
    if reach == "pull" and follower_count < limit * PUSH_AGAIN_BELOW:
        return "to_push"
    return reach


def is_pulled(reach: Reach) -> bool:
    """Return whether followers of an account with this reach have it on their pull lists."""
    return reach in {"to_pull", "pull"}


def update_pull_list(pull_list: tuple[str, ...], author: str, *, listed: bool) -> tuple[str, ...]:
    """Return the pull list with `author` last, or without them. A list that is right already is returned as it is."""
    if (author in pull_list) == listed:
        return pull_list
    others = tuple(uid for uid in pull_list if uid != author)
    return (*others, author) if listed else others
