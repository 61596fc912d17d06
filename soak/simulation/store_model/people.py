"""People, blocks, reach, seen history and follows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from activity.rules import blocks, follows, history
from activity.rules import preferences as preference_rules
from activity.rules import reach as reach_rules
from activity.store.meter import count_documents
from activity.types import FollowEdge, HistoryDelta, Preferences, Profile, Reach
from soak.simulation.store_model.state import State, store_call


class People(State):
    @store_call(1)
    def get_profile(self, uid: str) -> Profile | None:
        person = self.people.get(uid)
        return person.profile if person else None

    @store_call()
    def get_profiles(self, uids: Sequence[str]) -> dict[str, Profile]:
        count_documents(len(uids))
        return {uid: self.people[uid].profile for uid in uids if uid in self.people}

    @store_call()
    def get_uids(self, *, after: str = "", limit: int = 500) -> list[str]:
        uids = sorted(uid for uid in self.people if uid > after)[:limit]
        count_documents(len(uids))
        return uids

    @store_call(1)
    def save_preferences(self, uid: str, preferences: Preferences) -> Profile:
        stored = self.preferences.get(uid, {})
        change = preference_rules.save_preferences(self.ensure_person(uid), stored, preferences)
        self.people[uid], self.preferences[uid] = change.person, change.preferences
        return change.person.profile

    @store_call(1)
    def save_name(self, uid: str, name: str | None, picture: str | None) -> Profile:
        self.people[uid] = preference_rules.save_name(self.ensure_person(uid), name, picture)
        return self.people[uid].profile

    @store_call(6)
    def set_block(self, uid: str, target: str, *, blocked: bool, due: float) -> tuple[Profile, Profile]:
        blocker, other = self.ensure_person(uid), self.ensure_person(target)
        if blocked:
            change = blocks.block(
                blocker,
                other,
                is_follower=(uid, target) in self.follows,
                is_followed=(target, uid) in self.follows,
                due=due,
            )
            self.follows.pop((uid, target), None)
            self.follows.pop((target, uid), None)
        else:
            change = blocks.unblock(blocker, other)
        self.save_jobs(change.jobs)
        self.people[uid], self.people[target] = change.blocker, change.blocked
        return change.blocker.profile, change.blocked.profile

    @store_call(2)
    def set_reach(self, uid: str, reach: Reach, *, due: float) -> Profile:
        change = reach_rules.set_reach(self.ensure_person(uid), reach, due=due)
        self.save_jobs(change.jobs)
        self.people[uid] = change.person
        return change.person.profile

    @store_call()
    def update_pull_lists(self, viewers: Sequence[str], author: str, *, listed: bool) -> None:
        count_documents(len(viewers))
        for person in [self.people[uid] for uid in viewers if uid in self.people]:
            after = reach_rules.update_pull_list(person.pull_list, author, listed=listed)
            if after != person.pull_list:
                self.people[person.uid] = replace(person, pull_list=after, version=person.version + 1)

    @store_call(1)
    def get_seen(self, uid: str) -> Mapping[str, int]:
        return dict(self.seen.get(uid, {}))

    @store_call(2)
    def apply_history(self, uid: str, deltas: Sequence[HistoryDelta]) -> Profile:
        person = self.ensure_person(uid)
        unapplied = history.select_unapplied(deltas, person.stream_positions)
        if unapplied:
            change = history.apply_history(person, self.seen.get(uid, {}), unapplied)
            self.people[uid], self.seen[uid] = change
        return self.people[uid].profile

    # --- follows ---

    @store_call(3)
    def follow(self, uid: str, target: str, *, now: float, due: float) -> tuple[Profile, bool]:
        person = self.ensure_person(uid)
        if (uid, target) in self.follows:
            return person.profile, False
        change = follows.follow(person, target, due=due)
        self.follows[uid, target] = now
        self.save_jobs(change.jobs)
        self.people[uid] = change.person
        return change.person.profile, True

    @store_call(3)
    def unfollow(self, uid: str, target: str, *, due: float) -> tuple[Profile, bool]:
        person = self.ensure_person(uid)
        if self.follows.pop((uid, target), None) is None:
            return person.profile, False
        change = follows.unfollow(person, target, due=due)
        self.save_jobs(change.jobs)
        self.people[uid] = change.person
        return change.person.profile, True

    @store_call()
    def get_follower_uids(self, uid: str, *, after: str = "", limit: int = 500) -> list[str]:
        found = sorted(f for f, followee in self.follows if followee == uid and f > after)[:limit]
        count_documents(len(found))
        return found

    @store_call()
    def get_followers(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        edges = [FollowEdge(f, at) for (f, followee), at in self.follows.items() if followee == uid]
        return _get_newest(edges, offset, limit)

    @store_call()
    def get_following(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        edges = [FollowEdge(f, at) for (follower, f), at in self.follows.items() if follower == uid]
        return _get_newest(edges, offset, limit)

    @store_call(1)
    def count_followers(self, uid: str) -> int:
        return sum(followee == uid for _, followee in self.follows)

    @store_call(1)
    def count_following(self, uid: str) -> int:
        return sum(follower == uid for follower, _ in self.follows)

    @store_call()
    def get_existing_edges(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        count_documents(len(pairs))
        return {pair for pair in pairs if pair in self.follows}


def _get_newest(edges: list[FollowEdge], offset: int, limit: int) -> list[FollowEdge]:
    found = sorted(edges, key=lambda edge: (-edge.at, edge.uid))[offset : offset + limit]
    count_documents(offset + len(found))
    return found
