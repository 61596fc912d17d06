"""The rules of follows and blocks."""

from dataclasses import replace

import pytest

from activity.rules import blocks, follows
from activity.rules.person import Person
from activity.types import MAX_BLOCKED_BY, MAX_BLOCKS, MAX_FOLLOWS, Blocked, Job, LimitReached

DUE = 1_700_000_030.0
AMA, KOFI = Person("ama", version=7, choice_version=2), Person("kofi", version=3, choice_version=1)


class TestFollows:
    def test_a_follow_counts_and_leaves_a_backfill(self) -> None:
        change = follows.follow(AMA, "kofi", due=DUE)
        assert (change.person.following_count, change.person.version, change.person.choice_version) == (
            1,
            8,
            2,
        )
        assert change.jobs == (Job("backfill", "ama", "kofi", 8, DUE),)

    @pytest.mark.parametrize("person", [replace(AMA, blocked=("kofi",)), replace(AMA, blocked_by=("kofi",))])
    def test_a_block_on_either_side_prevents_a_follow(self, person: Person) -> None:
        with pytest.raises(Blocked):
            follows.follow(person, "kofi", due=DUE)

    def test_follows_are_limited(self) -> None:
        almost = replace(AMA, following_count=MAX_FOLLOWS - 1)
        full = follows.follow(almost, "kofi", due=DUE).person
        with pytest.raises(LimitReached, match="100000 follows"):
            follows.follow(full, "esi", due=DUE)

    def test_an_unfollow_is_a_choice_and_leaves_a_purge(self) -> None:
        person = replace(AMA, following_count=2, pull_list=("kofi", "esi"))
        change = follows.unfollow(person, "kofi", due=DUE)
        assert (change.person.following_count, change.person.pull_list) == (1, ("esi",))
        assert (change.person.version, change.person.choice_version) == (8, 3)
        assert change.jobs == (Job("purge", "ama", "kofi", 8, DUE),)


class TestBlocks:
    def test_both_people_change_and_both_timelines_are_purged(self) -> None:
        change = blocks.block(AMA, KOFI, is_follower=False, is_followed=False, due=DUE)
        assert (change.blocker.blocked, change.blocked.blocked_by) == (("kofi",), ("ama",))
        assert (change.blocker.version, change.blocker.choice_version) == (8, 3)
        assert (change.blocked.version, change.blocked.choice_version) == (4, 2)
        assert change.jobs == (Job("purge", "ama", "kofi", 8, DUE), Job("purge", "kofi", "ama", 4, DUE))

    def test_follows_end_in_both_directions(self) -> None:
        ama = replace(AMA, following_count=2, pull_list=("kofi",))
        kofi = replace(KOFI, following_count=1)
        change = blocks.block(ama, kofi, is_follower=True, is_followed=True, due=DUE)
        assert (change.blocker.following_count, change.blocker.pull_list) == (1, ())
        assert change.blocked.following_count == 0

    def test_blocking_again_changes_nobody_but_purges_again(self) -> None:
        first = blocks.block(AMA, KOFI, is_follower=False, is_followed=False, due=DUE)
        again = blocks.block(first.blocker, first.blocked, is_follower=False, is_followed=False, due=DUE)
        assert (again.blocker, again.blocked) == (first.blocker, first.blocked)
        assert [job.version for job in again.jobs] == [9, 5]

    def test_unblocking_ends_only_the_own_block(self) -> None:
        ama = replace(AMA, blocked=("kofi",), blocked_by=("kofi",))
        kofi = replace(KOFI, blocked=("ama",), blocked_by=("ama",))
        change = blocks.unblock(ama, kofi)
        assert (change.blocker.blocked, change.blocker.blocked_by) == ((), ("kofi",))
        assert (change.blocked.blocked, change.blocked.blocked_by) == (("ama",), ())
        assert change.jobs == ()

    def test_blocks_are_limited_on_the_side_of_the_blocker(self) -> None:
        full = tuple(f"p{n}" for n in range(MAX_BLOCKS))
        assert blocks.add_block(full, "p0") == full
        with pytest.raises(LimitReached, match="1000 blocked people"):
            blocks.add_block(full, "new")

    def test_the_newest_blockers_stay_on_the_other_side(self) -> None:
        full = tuple(f"p{n}" for n in range(MAX_BLOCKED_BY))
        assert blocks.add_blocked_by(full, "new") == (*full[1:], "new")
