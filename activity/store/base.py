"""The protocol: one method per access pattern, with the cost of each in calls and documents.

Every method raises `StoreUnavailable` when the store gives no answer, at once while its
breaker is open. Times are epoch seconds, given by the caller. "Blind" writes read nothing
and may be repeated. A *job* is written in the transaction of the change that needs it, so
that a process dying right after leaves nothing undone for good.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from activity.types import (
    Activity,
    Document,
    Edge,
    Job,
    Ledger,
    Preferences,
    Profile,
    Reach,
    Recorded,
    Relation,
    Slice,
    TimelineRow,
)


class ActivityStore(Protocol):
    # --- people ---

    def profile(self, uid: str) -> Profile | None:
        """The lite profile of a person, None if the store has never heard of them. 1 call, 1 document."""

    def profiles(self, uids: Sequence[str]) -> dict[str, Profile]:
        """Those of up to 1,000 people whom the store knows. 1 call, a document each."""

    def save_preferences(self, uid: str, preferences: Preferences) -> Profile:
        """Store what is not None; versions rise only if something changed. 1 call, 2 documents at most."""

    def save_name(self, uid: str, name: str | None, picture: str | None) -> Profile:
        """What the token says of a person. None leaves the stored value. 1 call, 1 document."""

    def set_block(self, uid: str, target: str, *, blocked: bool, due: float) -> tuple[Profile, Profile]:
        """Let `uid` block or unblock `target`; both profiles afterwards. Idempotent.

        Blocking ends the follows between them and leaves a purge job for each side, due at `due`.
        1 call, 6 documents. Raises LimitReached past BLOCKS_KEPT.
        """

    def set_reach(self, uid: str, reach: Reach, *, due: float) -> Profile:
        """Change how a person's deeds travel. `rising` and `sinking` leave a cross job. 1 call, 2 documents."""

    def tell_pulled(self, viewers: Sequence[str], actor: str, *, pulled: bool) -> None:
        """Add `actor` to (or take from) the `pulled` of up to 500 viewers; their versions rise.

        Idempotent. 1 call, a document each.
        """

    # --- what they have seen ---

    def seen(self, uid: str) -> Mapping[str, int]:
        """Item id → when, the newest SEEN_KEPT at most. 1 call, 1 document."""

    def add_history(self, uid: str, slices: Sequence[Slice]) -> Profile:
        """Add what a person's events came to; the profile afterwards. No choice of theirs: no new session begins.

        Of one stream, slices come in its order, over calls too: what is not beyond the last one applied is taken for
        a repeat. Keeps the newest SEEN_KEPT items and SKIPPED_KEPT titles. Idempotent. 1 call, 2 documents.
        """

    # --- activities ---

    def record(
        self,
        uid: str,
        title: str,
        relation: Relation,
        *,
        now: float,
        due: float,
        source: str | None = None,
        liking: Mapping[str, float] | None = None,
    ) -> Recorded:
        """State a person's relation to a title; a repeat changes nothing.

        A change raises the activity's version, empties its ledger, moves `at` unless only the rating
        changed, corrects the person's affinities by `liking`, finished titles and `active_at`, and leaves
        a deliver job of that version. 1 call, 3 documents (activity, person, job).
        """

    def activity(self, uid: str, title: str) -> Activity | None:
        """Its current state, also when undone. 1 call, 1 document."""

    def activities(self, uid: str, *, limit: int = 100) -> list[Activity]:
        """The newest by `at`, undone ones left out. 1 call, `limit` documents at most."""

    def keep_ledger(self, uid: str, title: str, version: int, ledger: Ledger) -> bool:
        """Write how far the delivery of `version` is; False if there is a newer one. 1 call, 1 document."""

    # --- follows ---

    def follow(self, uid: str, target: str, *, now: float, due: float) -> tuple[Profile, bool]:
        """Add an edge and a backfill job (or change nothing); whether it was new.

        1 call, 3 documents. Raises Blocked where one of the two blocked the other, LimitReached past
        FOLLOWS_KEPT.
        """

    def unfollow(self, uid: str, target: str, *, due: float) -> tuple[Profile, bool]:
        """Take an edge away, leaving a purge job; a choice of the viewer's. 1 call, 3 documents."""

    def followers(self, uid: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Uids in ascending order behind `after`. 1 call, `limit` documents at most."""

    def follower_edges(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[Edge]:
        """Newest first. 1 call, offset + limit documents at most."""

    def following_edges(self, uid: str, *, offset: int = 0, limit: int = 50) -> list[Edge]:
        """Newest first. 1 call, offset + limit documents at most."""

    def follower_count(self, uid: str) -> int:
        """Exact: counted, not kept. 1 call, a document per 1,000 followers."""

    def following_count(self, uid: str) -> int:
        """Exact: counted, not kept. 1 call, a document per 1,000."""

    def edges(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of up to 1,000 (follower, followee) pairs that exist. 1 call, a document each."""

    # --- timelines ---

    def timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        """The newest rows of the viewer's own timeline. 1 call, `limit` documents at most."""

    def put_rows(self, rows: Sequence[tuple[str, TimelineRow]]) -> None:
        """Set up to 1,000 (viewer, row); (viewer, actor, title) is the identity. Blind. 1 call, a document each."""

    def drop_rows(self, keys: Sequence[tuple[str, str, str]]) -> None:
        """Delete up to 1,000 rows by (viewer, actor, title). Blind. 1 call, a document each."""

    def rows_from(self, uid: str, actor: str, *, limit: int = 500) -> list[str]:
        """Titles of the viewer's rows that came from `actor`. 1 call, `limit` documents at most."""

    def trim_timeline(self, uid: str, *, keep: int, limit: int = 500) -> int:
        """Delete rows older than the newest `keep`, `limit` at most; how many went. 1 call, 2 documents a row."""

    # --- jobs ---

    def jobs_due(self, *, now: float, limit: int = 100) -> list[Job]:
        """Jobs whose `due` has passed, oldest first. 1 call, `limit` documents at most."""

    def jobs_waiting(self, *, limit: int = 100) -> list[Job]:
        """All jobs, due or not, in the order of their `first_due`. 1 call, `limit` documents at most."""

    def job(self, kind: str, subject: str, target: str = "") -> Job | None:
        """1 call, 1 document."""

    def put_job(self, job: Job) -> None:
        """Keep a job that no change left behind (a rebuild). Blind. 1 call, 1 document."""

    def postpone(self, job: Job, *, due: float) -> None:
        """It is being worked on: not due again before `due`. Does nothing if it is gone. 1 call, 1 document."""

    def finish(self, job: Job) -> bool:
        """Forget a job at its version; False if there is a newer one or none. 1 call, 1 document."""

    # --- leaving ---

    def export(self, uid: str) -> Iterator[tuple[str, Document]]:
        """(collection, document) of all that is kept of a person, in batches of 500 documents a call."""

    def erase(self, uid: str, *, limit: int = 500) -> int:
        """Delete up to `limit` documents of or about a person, rows in others' timelines too; 0 when none is left.

        To be repeated until 0. Follow edges and blocks of others that name the person go as well.
        """

    def traces(self, uid: str) -> dict[str, int]:
        """How many documents still name a person, by collection; empty when none does. For the verifier."""
