"""Work left to do."""

from django.db.models import QuerySet

from activity.models import Job as Row
from activity.store.meter import note_documents
from activity.store.orm.calls import call, leave_job
from activity.types import Job


class Jobs:
    @call
    def jobs_due(self, *, now: float, limit: int = 100) -> list[Job]:
        found = [_job(row) for row in Row.objects.filter(due__lte=now).order_by("due", "pk")[:limit]]
        note_documents(len(found))
        return found

    @call
    def jobs_waiting(self, *, limit: int = 100) -> list[Job]:
        found = [_job(row) for row in Row.objects.order_by("first_due", "pk")[:limit]]
        note_documents(len(found))
        return found

    @call
    def job(self, kind: str, subject: str, target: str = "") -> Job | None:
        note_documents(1)
        row = Row.objects.filter(kind=kind, subject=subject, target=target).first()
        return _job(row) if row else None

    @call
    def put_job(self, job: Job) -> None:
        note_documents(1)
        leave_job(job.kind, job.subject, job.target, version=job.version, due=job.due)

    @call
    def postpone(self, job: Job, *, due: float) -> None:
        note_documents(1)
        _same(job).update(due=due)

    @call
    def finish(self, job: Job) -> bool:
        note_documents(1)
        return bool(_same(job).delete()[0])


def _same(job: Job) -> QuerySet[Row]:
    return Row.objects.filter(kind=job.kind, subject=job.subject, target=job.target, version=job.version)


def _job(row: Row) -> Job:
    return Job(row.kind, row.subject, row.target, row.version, row.due, row.first_due)  # type: ignore[arg-type]
