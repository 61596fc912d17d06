"""The store protocol: one method per access pattern, with its cost in calls and documents.

Every method raises `StoreUnavailable` if the store does not answer; while the circuit breaker is open, it does so at
once. Times are epoch seconds and given by the caller. "Blind" writes read nothing and are idempotent. A job is written
in the transaction of the change that needs it, so that a process that dies right after the change loses no work.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from activity.types import (
    Activity,
    FollowEdge,
    HistoryDelta,
    Job,
    Ledger,
    Preferences,
    Profile,
    Reach,
    RecordResult,
    Relation,
    StoredDocument,
    TimelineRow,
)


class ActivityStore(Protocol):
    # --- people ---

    def get_profile(self, uid: str) -> Profile | None:
        """Return a person's profile, None if the store has no record of them. 1 call, 1 document."""

    def get_profiles(self, uids: Sequence[str]) -> dict[str, Profile]:
        """Return the profiles of those of up to 1,000 people that exist, by uid. 1 call, a document each."""

    def get_uids(self, *, after: str = "", limit: int = 500) -> list[str]:
        """Return the uids of people that follow another, in the order of the store. 1 call, `limit` documents."""

    def save_preferences(self, uid: str, preferences: Preferences) -> Profile:
        """Store the values that are not None. Versions rise only if one changed. 1 call, 2 documents at most."""

    def save_name(self, uid: str, name: str | None, picture: str | None) -> Profile:
        """Store the name and picture of the person's token. None leaves the stored value. 1 call, 1 document."""

    def set_block(self, uid: str, target: str, *, blocked: bool, due: float) -> tuple[Profile, Profile]:
        """Let `uid` block or unblock `target`, and return both profiles afterwards. Idempotent.

        Blocking ends the follows between them and leaves a purge job for each, due at `due`.
        1 call, 6 documents. Raises LimitReached beyond MAX_BLOCKS.
        """

    def set_reach(self, uid: str, reach: Reach, *, due: float) -> Profile:
        """Set a person's reach. `to_pull` and `to_push` leave a change_reach job. 1 call, 2 documents."""

    def update_pull_lists(self, viewers: Sequence[str], author: str, *, listed: bool) -> None:
        """Add `author` to the pull lists of up to 500 viewers, or remove them. The viewers' versions rise.

        Idempotent. 1 call, a document each.
        """

    # --- seen history ---

    def get_seen(self, uid: str) -> Mapping[str, int]:
        """Return item id → time of the newest MAX_SEEN_ITEMS that the person has seen. 1 call, 1 document."""

    def apply_history(self, uid: str, deltas: Sequence[HistoryDelta]) -> Profile:
        """Apply history deltas and return the profile afterwards. It is not a choice, so no new session begins.

        The deltas of one stream come in its order, also across calls: a delta that is not beyond the last one applied
        is a repeat and ignored. Keeps the newest MAX_SEEN_ITEMS items and MAX_SKIPPED_TITLES titles.
        Idempotent. 1 call, 2 documents.
        """

    # --- activities ---

    def record_relation(
        self,
        uid: str,
        title: str,
        relation: Relation,
        *,
        now: float,
        due: float,
        origin: str | None = None,
        affinity_gain: Mapping[str, float] | None = None,
    ) -> RecordResult:
        """Record a person's relation to a title. A repeat changes nothing.

        A change raises the activity's version, empties its ledger, sets `at` unless only the rating changed, updates
        the person's affinity sums, finished titles and `active_at`, and leaves a deliver job of the new version.
        1 call, 3 documents (activity, person, job).
        """

    def get_activity(self, uid: str, title: str) -> Activity | None:
        """Return the current activity, also if it was undone. 1 call, 1 document."""

    def get_activities(self, uid: str, *, limit: int = 100) -> list[Activity]:
        """Return the newest activities by `at`, without undone ones. 1 call, `limit` documents at most."""

    def save_ledger(self, uid: str, title: str, version: int, ledger: Ledger) -> bool:
        """Save the ledger of `version`; return False if there is a newer version. 1 call, 1 document."""

    # --- follows ---

    def follow(self, uid: str, target: str, *, now: float, due: float) -> tuple[Profile, bool]:
        """Add a follow edge and a backfill job, or change nothing if the edge exists. Return whether it was added.

        1 call, 3 documents. Raises Blocked if one of the two blocks the other, LimitReached beyond MAX_FOLLOWS.
        """

    def unfollow(self, uid: str, target: str, *, due: float) -> tuple[Profile, bool]:
        """Remove a follow edge, leaving a purge job. Return whether there was an edge. 1 call, 3 documents."""

    def get_follower_uids(self, uid: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Return the uids of followers after `after`, in ascending order. 1 call, `limit` documents at most."""

    def get_followers(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        """Return the newest followers first. 1 call, offset + limit documents at most."""

    def get_following(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[FollowEdge]:
        """Return the newest followees first. 1 call, offset + limit documents at most."""

    def count_followers(self, uid: str) -> int:
        """Count the edges to a person exactly. 1 call, a document per 1,000 followers."""

    def count_following(self, uid: str) -> int:
        """Count the edges from a person exactly. 1 call, a document per 1,000 followees."""

    def get_existing_edges(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of up to 1,000 (follower, followee) pairs that exist. 1 call, a document each."""

    # --- timelines ---

    def get_timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        """Return the newest rows of the viewer's durable timeline. 1 call, `limit` documents at most."""

    def put_timeline_rows(self, rows: Sequence[tuple[str, TimelineRow]]) -> None:
        """Write up to 1,000 (viewer, row), by the key (viewer, author, title). Blind. 1 call, a document each."""

    def delete_timeline_rows(self, keys: Sequence[tuple[str, str, str]]) -> None:
        """Delete up to 1,000 rows by (viewer, author, title). Blind. 1 call, a document each."""

    def get_titles_by_author(self, uid: str, author: str, *, limit: int = 500) -> list[str]:
        """Return the titles of one author's rows in a viewer's timeline. 1 call, `limit` documents at most."""

    def trim_timeline(self, uid: str, *, keep: int, limit: int = 500) -> int:
        """Delete up to `limit` rows older than the newest `keep`, and return their number.

        1 call, 2 documents per deleted row.
        """

    # --- jobs ---

    def get_due_jobs(self, *, now: float, limit: int = 100) -> list[Job]:
        """Return jobs whose `due` has passed, by `due`. 1 call, `limit` documents at most."""

    def get_oldest_jobs(self, *, limit: int = 100) -> list[Job]:
        """Return jobs by `first_due`, due or not. 1 call, `limit` documents at most."""

    def get_job(self, kind: str, subject: str, target: str = "") -> Job | None:
        """Return one job. 1 call, 1 document."""

    def put_job(self, job: Job) -> None:
        """Save a job that no change left, for example a rebuild. Blind. 1 call, 1 document."""

    def postpone_job(self, job: Job, *, due: float) -> None:
        """Set `due` of a job that is under way. Does nothing if the job does not exist. 1 call, 1 document."""

    def finish_job(self, job: Job) -> bool:
        """Delete a job at its version; return False if there is a newer one or none. 1 call, 1 document."""

    # --- privacy ---

    def export(self, uid: str) -> Iterator[tuple[str, StoredDocument]]:
        """Iterate over (collection, document) of a person's data. 1 call for 500 documents."""

    def erase(self, uid: str, *, limit: int = 500) -> int:
        """Delete up to `limit` documents of or about a person; return their number, 0 when none remains.

        Includes rows in the timelines of others, and the person's uid in their follow edges, blocks and cursors of
        deliveries. The caller repeats it until it returns 0.
        """

    def count_references(self, uid: str) -> dict[str, int]:
        """Count the documents that name a person, by collection. Empty when none does."""
