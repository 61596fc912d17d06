"""Work left to do. The indexes that find what is due and what waits are spread over `layout.SHARDS`."""

from typing import Final

from google.cloud.firestore_v1.base_query import FieldFilter

from activity.store.firestore import calls, layout
from activity.store.firestore.calls import Write, call
from activity.store.firestore.changes import Change, settle
from activity.store.firestore.layout import Snapshot
from activity.store.meter import note_documents
from activity.types import Document, Job, JobKind

# Kinds whose target is a person, as the subject always is.
_TOWARDS: Final = frozenset({"backfill", "purge"})
_EVERYWHERE: Final = FieldFilter("shard", "in", list(range(layout.SHARDS)))


class Jobs:
    @call
    def jobs_due(self, *, now: float, limit: int = 100) -> list[Job]:
        past = FieldFilter("due", "<=", now)
        query = layout.jobs().where(filter=_EVERYWHERE).where(filter=past).order_by("due").limit(limit)
        found = [_job(there) for there in calls.find(query)]
        note_documents(len(found))
        return found

    @call
    def jobs_waiting(self, *, limit: int = 100) -> list[Job]:
        query = layout.jobs().where(filter=_EVERYWHERE).order_by("first_due").limit(limit)
        found = [_job(there) for there in calls.find(query)]
        note_documents(len(found))
        return found

    @call
    def job(self, kind: str, subject: str, target: str = "") -> Job | None:
        note_documents(1)
        (there,) = calls.read([layout.job(kind, subject, target)])
        return _job(there) if there.exists else None

    @call
    def put_job(self, job: Job) -> None:
        note_documents(1)
        calls.bulk([Write("set", layout.job(job.kind, job.subject, job.target), _document(job))])

    @call
    def postpone(self, job: Job, *, due: float) -> None:
        note_documents(1)

        def decide(change: Change) -> None:
            if there := _same(change, job):
                change.put(there.reference, {**(there.to_dict() or {}), "due": due})

        settle(decide)

    @call
    def finish(self, job: Job) -> bool:
        note_documents(1)

        def decide(change: Change) -> bool:
            there = _same(change, job)
            if there:
                change.drop(there)
            return there is not None

        return settle(decide)


def leave_job(
    change: Change, kind: JobKind, subject: str, target: str = "", *, version: int = 0, due: float
) -> None:
    """With a change: what is left to do after it. A newer one takes an older one's place."""
    job = Job(kind, subject, target, version, due)
    change.put_blind(layout.job(kind, subject, target), _document(job))


def _same(change: Change, job: Job) -> Snapshot | None:
    """The job if it is still there at its version."""
    (there,) = change.read(layout.job(job.kind, job.subject, job.target))
    return there if there.exists and there.get("version") == job.version else None


def _document(job: Job) -> Document:
    return {
        "kind": job.kind,
        "subject": job.subject,
        "target": job.target,
        "version": job.version,
        "due": job.due,
        "first_due": job.due,
        "shard": layout.shard(job.kind, job.subject, job.target),
        "people": [job.subject, job.target] if job.kind in _TOWARDS else [job.subject],
    }


def _job(there: Snapshot) -> Job:
    fields = there.to_dict() or {}
    return Job(
        fields["kind"],
        fields["subject"],
        fields["target"],
        fields["version"],
        fields["due"],
        fields["first_due"],
    )
