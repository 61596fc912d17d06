"""Values and actions that the tests of the stores share."""

from activity.store.base import ActivityStore
from activity.types import HistoryDelta, Job, Profile, RecordResult, Relation, TimelineRow

NOW = 1_700_000_000
DUE = NOW + 30.0

LIKED = Relation(favorite=True)
FINISHED = Relation(status="finished")
NOTHING = Relation()

# Uids and titles that would break a path, an id or a pattern that is made of them without care. All are different.
HOSTILE = [
    "a/b",
    "a%2Fb",
    "/",
    ".",
    "..",
    "__id__",
    "__",
    "%5F_id__",
    "{}",
    "a|b",
    "~",
    "a b",
    "'; --",
    "né",
    "👩‍👩‍👧" * 16,
    "/" * 128,
    "👻" * 128,
    "x" * 128,
]


def record(
    store: ActivityStore, uid: str, title: str, relation: Relation, *, at: float = NOW
) -> RecordResult:
    return store.record_relation(uid, title, relation, now=at, due=at + 30)


def follow(store: ActivityStore, uid: str, *targets: str, at: float = NOW) -> None:
    for number, target in enumerate(targets):
        store.follow(uid, target, now=at + number, due=DUE)


def see(store: ActivityStore, uid: str, items: dict[str, int], *, end_id: int = 1) -> Profile:
    """Apply a delta with seen items (id → epoch seconds) that ends at this entry of the person's stream."""
    return store.apply_history(uid, [HistoryDelta("stream", f"{end_id}-0", seen=items)])


def row(author: str, title: str, *, at: int = NOW) -> TimelineRow:
    return TimelineRow(author, title, at, favorite=True, author_name=author.title())


def keys_of(jobs: list[Job]) -> set[tuple[str, str, str]]:
    return {(job.kind, job.subject, job.target) for job in jobs}
