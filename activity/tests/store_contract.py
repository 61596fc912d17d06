"""What the tests of the store's contract share: a moment, a deadline, and things people do."""

from activity.store.base import ActivityStore
from activity.types import HistoryDelta, Job, Profile, RecordResult, Relation, TimelineRow

NOW = 1_700_000_000
DUE = NOW + 30.0

LIKED = Relation(favorite=True)
FINISHED = Relation(status="finished")
NOTHING = Relation()

# Uids and titles that would break a path, an id or a pattern made of them carelessly. All are different people.
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


def do(store: ActivityStore, uid: str, title: str, relation: Relation, *, at: float = NOW) -> RecordResult:
    return store.record_relation(uid, title, relation, now=at, due=at + 30)


def follow(store: ActivityStore, uid: str, *targets: str, at: float = NOW) -> None:
    for number, target in enumerate(targets):
        store.follow(uid, target, now=at + number, due=DUE)


def saw(store: ActivityStore, uid: str, items: dict[str, int], *, end_id: int = 1) -> Profile:
    """Let somebody have seen these items (id → epoch seconds), as their stream's entries up to here tell."""
    return store.apply_history(uid, [HistoryDelta("stream", f"{end_id}-0", seen=items)])


def row(author: str, title: str, *, at: int = NOW) -> TimelineRow:
    return TimelineRow(author, title, at, favorite=True, author_name=author.title())


def identities(jobs: list[Job]) -> set[tuple[str, str, str]]:
    return {(job.kind, job.subject, job.target) for job in jobs}
