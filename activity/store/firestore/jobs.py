"""Jobs. The indexes that find due and oldest jobs are spread over `layout.SHARDS`."""

from collections.abc import Iterable
from typing import Final

from google.cloud.firestore_v1 import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.store.firestore import calls, layout
from activity.store.firestore.calls import Write, store_call
from activity.store.firestore.changes import OptimisticChange, commit_with_retry
from activity.store.firestore.layout import Snapshot
from activity.store.meter import count_documents
from activity.types import Job, StoredDocument
from core.codecs import convert

# Kinds whose target is a person. The subject always is one.
_KINDS_WITH_TARGET_PERSON: Final = frozenset({"backfill", "purge"})
_ALL_SHARDS: Final = FieldFilter("shard", "in", list(range(layout.SHARDS)))


class Jobs:
    @store_call
    def get_due_jobs(self, *, now: float, limit: int = 100) -> list[Job]:
        is_due = FieldFilter("due", "<=", now)
        query = layout.jobs().where(filter=_ALL_SHARDS).where(filter=is_due).order_by("due").limit(limit)
        return _run_query(query)

    @store_call
    def get_oldest_jobs(self, *, limit: int = 100) -> list[Job]:
        query = layout.jobs().where(filter=_ALL_SHARDS).order_by("first_due").limit(limit)
        return _run_query(query)

    @store_call
    def get_job(self, kind: str, subject: str, target: str = "") -> Job | None:
        count_documents(1)
        (snapshot,) = calls.read([layout.job(kind, subject, target)])
        return from_document(snapshot.to_dict() or {})

    @store_call
    def put_job(self, job: Job) -> None:
        count_documents(1)
        calls.write_bulk([Write("set", layout.job(job.kind, job.subject, job.target), to_document(job))])

    @store_call
    def postpone_job(self, job: Job, *, due: float) -> None:
        count_documents(1)

        def decide(change: OptimisticChange) -> None:
            if snapshot := _read_same_version(change, job):
                change.put(snapshot.reference, {**(snapshot.to_dict() or {}), "due": due})

        commit_with_retry(decide)

    @store_call
    def finish_job(self, job: Job) -> bool:
        count_documents(1)

        def decide(change: OptimisticChange) -> bool:
            snapshot = _read_same_version(change, job)
            if snapshot:
                change.delete(snapshot)
            return snapshot is not None

        return commit_with_retry(decide)


def save_jobs(change: OptimisticChange, jobs: Iterable[Job]) -> None:
    """Write the jobs that a change leaves together with it. A job replaces an older one."""
    for job in jobs:
        change.overwrite(layout.job(job.kind, job.subject, job.target), to_document(job))


def _read_same_version(change: OptimisticChange, job: Job) -> Snapshot | None:
    """Return the job's document if it exists at the job's version."""
    (snapshot,) = change.read(layout.job(job.kind, job.subject, job.target))
    return snapshot if snapshot.exists and snapshot.get("version") == job.version else None


def to_document(job: Job) -> StoredDocument:
    return {
        "kind": job.kind,
        "subject": job.subject,
        "target": job.target,
        "version": job.version,
        "due": job.due,
        "first_due": job.due,
        "shard": layout.get_shard(job.kind, job.subject, job.target),
        "people": [job.subject, job.target] if job.kind in _KINDS_WITH_TARGET_PERSON else [job.subject],
    }


def from_document(document: StoredDocument) -> Job | None:
    """Return the job in a document, None if it is unreadable. Unknown fields are ignored."""
    return convert(Job, document)


def _run_query(query: Query) -> list[Job]:
    """Return the jobs that match, without unreadable ones."""
    snapshots = calls.run_query(query)
    count_documents(len(snapshots))
    found = (from_document(snapshot.to_dict() or {}) for snapshot in snapshots)
    return [job for job in found if job is not None]
