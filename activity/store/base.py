"""The protocol: one method per access pattern, with the cost of each in calls and documents."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from activity.types import Preferences, Profile, TimelineRow


class ActivityStore(Protocol):
    """Every method raises `StoreUnavailable` when the store gives no answer, at once while its breaker is open."""

    def profile(self, uid: str) -> Profile | None:
        """The lite profile of a person, None if the store has never heard of them. 1 call, 1 document."""

    def seen(self, uid: str) -> Mapping[str, int]:
        """Item id → epoch seconds, the newest 5,000 at most. 1 call, 1 document."""

    def timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        """The newest rows of the viewer's own timeline. 1 call, `limit` documents at most."""

    def save_preferences(self, uid: str, preferences: Preferences, *, name: str | None = None) -> Profile:
        """Store what is not None; versions rise only if something changed. 1 call, 1 document."""

    def set_block(self, uid: str, target: str, *, blocked: bool) -> tuple[Profile, Profile]:
        """Let `uid` block or unblock `target`; both profiles afterwards. Idempotent. 1 call, 2 documents.

        Raises ValueError past 1,000 blocked people.
        """

    def add_finished(self, uid: str, titles: Sequence[str]) -> Profile:
        """Titles leave the viewer's own for_you. Idempotent. 1 call, 1 document."""

    def add_seen(self, uid: str, items: Mapping[str, int]) -> None:
        """Merge into seen history, keeping the newest 5,000. Idempotent. 1 call, 1 document."""

    def deliver(self, uid: str, rows: Sequence[TimelineRow]) -> None:
        """Set rows of the viewer's timeline; (actor, title) is the identity. Idempotent. 1 call, a document a row."""
