"""Durable timelines and jobs."""

from collections.abc import Sequence
from dataclasses import replace

from activity.store.meter import count_documents
from activity.types import Job, TimelineRow
from soak.simulation.store_model.state import State, store_call


class Timelines(State):
    @store_call()
    def get_timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        found = self._get_newest(uid)[:limit]
        count_documents(len(found))
        return found

    @store_call()
    def put_timeline_rows(self, rows: Sequence[tuple[str, TimelineRow]]) -> None:
        count_documents(len(rows))
        for viewer, row in rows:
            self.timelines.setdefault(viewer, {})[row.author, row.title] = row

    @store_call()
    def delete_timeline_rows(self, keys: Sequence[tuple[str, str, str]]) -> None:
        count_documents(len(keys))
        for viewer, author, title in keys:
            self.timelines.get(viewer, {}).pop((author, title), None)

    @store_call()
    def get_titles_by_author(self, uid: str, author: str, *, limit: int = 500) -> list[str]:
        titles = sorted(title for other, title in self.timelines.get(uid, {}) if other == author)[:limit]
        count_documents(len(titles))
        return titles

    @store_call()
    def trim_timeline(self, uid: str, *, keep: int, limit: int = 500) -> int:
        surplus = self._get_newest(uid)[keep : keep + limit]
        for row in surplus:
            del self.timelines[uid][row.author, row.title]
        count_documents(2 * len(surplus))
        return len(surplus)

    def _get_newest(self, uid: str) -> list[TimelineRow]:
        rows = self.timelines.get(uid, {}).values()
        return sorted(rows, key=lambda row: (-row.at, row.author, row.title))

    # --- jobs ---

    @store_call()
    def get_due_jobs(self, *, now: float, limit: int = 100) -> list[Job]:
        due = [job for job in self.jobs.values() if job.due <= now]
        found = sorted(due, key=lambda job: job.due)[:limit]
        count_documents(len(found))
        return found

    @store_call()
    def get_oldest_jobs(self, *, limit: int = 100) -> list[Job]:
        found = sorted(self.jobs.values(), key=lambda job: job.first_due)[:limit]
        count_documents(len(found))
        return found

    @store_call(1)
    def get_job(self, kind: str, subject: str, target: str = "") -> Job | None:
        return self.jobs.get((kind, subject, target))

    @store_call(1)
    def put_job(self, job: Job) -> None:
        self.save_jobs([job])

    @store_call(1)
    def postpone_job(self, job: Job, *, due: float) -> None:
        stored = self._get_same_version(job)
        if stored is not None:
            self.jobs[job.kind, job.subject, job.target] = replace(stored, due=due)

    @store_call(1)
    def finish_job(self, job: Job) -> bool:
        if self._get_same_version(job) is None:
            return False
        del self.jobs[job.kind, job.subject, job.target]
        return True

    def _get_same_version(self, job: Job) -> Job | None:
        stored = self.jobs.get((job.kind, job.subject, job.target))
        return stored if stored is not None and stored.version == job.version else None
