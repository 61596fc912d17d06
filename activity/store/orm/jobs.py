"""Jobs."""

from collections.abc import Iterable
from typing import cast

from django.db.models import QuerySet

from activity.models import Job as JobRow
from activity.store.meter import count_documents
from activity.store.orm.calls import store_call
from activity.types import Job, JobKind


class Jobs:
    @store_call
    def get_due_jobs(self, *, now: float, limit: int = 100) -> list[Job]:
        jobs = [_from_row(row) for row in JobRow.objects.filter(due__lte=now).order_by("due", "pk")[:limit]]
        count_documents(len(jobs))
        return jobs

    @store_call
    def get_oldest_jobs(self, *, limit: int = 100) -> list[Job]:
        jobs = [_from_row(row) for row in JobRow.objects.order_by("first_due", "pk")[:limit]]
        count_documents(len(jobs))
        return jobs

    @store_call
    def get_job(self, kind: str, subject: str, target: str = "") -> Job | None:
        count_documents(1)
        row = JobRow.objects.filter(kind=kind, subject=subject, target=target).first()
        return _from_row(row) if row else None

    @store_call
    def put_job(self, job: Job) -> None:
        count_documents(1)
        save_jobs([job])

    @store_call
    def postpone_job(self, job: Job, *, due: float) -> None:
        count_documents(1)
        _same_version(job).update(due=due)

    @store_call
    def finish_job(self, job: Job) -> bool:
        count_documents(1)
        return bool(_same_version(job).delete()[0])


def save_jobs(jobs: Iterable[Job]) -> None:
    """Save the jobs that a change leaves, in its transaction. A job replaces an older one. 1 SQL each."""
    for job in jobs:
        row = JobRow(
            kind=job.kind,
            subject=job.subject,
            target=job.target,
            version=job.version,
            due=job.due,
            first_due=job.due,
        )
        JobRow.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["kind", "subject", "target"],
            update_fields=["version", "due", "first_due"],
        )


def _same_version(job: Job) -> QuerySet[JobRow]:
    return JobRow.objects.filter(kind=job.kind, subject=job.subject, target=job.target, version=job.version)


def _from_row(row: JobRow) -> Job:
    kind = cast(JobKind, row.kind)
    return Job(kind, row.subject, row.target, row.version, row.due, row.first_due)
