"""The contract of all activity stores: durable timelines and jobs."""

from activity.store.base import ActivityStore
from activity.tests.store_contract import NOW, keys_of, row
from activity.types import Job, TimelineRow


class TestRows:
    def test_the_newest_rows_come_first(self, store: ActivityStore) -> None:
        store.put_timeline_rows([("ama", row("kofi", f"movie:{n}", at=NOW + n)) for n in range(5)])
        store.put_timeline_rows([("esi", row("kofi", "movie:9", at=NOW + 9))])
        assert [r.title for r in store.get_timeline("ama")] == [f"movie:{n}" for n in (4, 3, 2, 1, 0)]
        assert [r.title for r in store.get_timeline("ama", limit=2)] == ["movie:4", "movie:3"]
        assert store.get_timeline("yaw") == []

    def test_a_row_is_stored_completely_and_overwritten(self, store: ActivityStore) -> None:
        first = TimelineRow("kofi", "movie:1", NOW, "finished", True, 5, "Kofi", "https://example.com/k.png")
        for _ in range(2):
            store.put_timeline_rows([("ama", first)])
        assert store.get_timeline("ama") == [first]
        second = TimelineRow("kofi", "movie:1", NOW + 1, None, False, 2, None, None)
        store.put_timeline_rows([("ama", second)])
        assert store.get_timeline("ama") == [second]

    def test_a_title_has_one_row_per_supporter(self, store: ActivityStore) -> None:
        store.put_timeline_rows([("ama", row("kofi", "movie:1")), ("ama", row("esi", "movie:1", at=NOW + 1))])
        assert [r.author for r in store.get_timeline("ama")] == ["esi", "kofi"]

    def test_deleting_missing_rows_does_nothing(self, store: ActivityStore) -> None:
        store.put_timeline_rows(
            [("ama", row("kofi", "movie:1")), ("ama", row("esi", "movie:1")), ("yaw", row("kofi", "movie:1"))]
        )
        for _ in range(2):
            store.delete_timeline_rows([("ama", "kofi", "movie:1"), ("nobody", "kofi", "movie:1")])
        assert store.get_timeline("ama") == [row("esi", "movie:1")]
        assert store.get_timeline("yaw") == [row("kofi", "movie:1")]

    def test_rows_of_a_thousand_viewers_are_written_and_deleted_in_one_call_each(
        self, store: ActivityStore
    ) -> None:
        viewers = [f"viewer-{n:04d}" for n in range(1_000)]
        long = TimelineRow(
            "kofi", "movie:1", NOW, "finished", True, 5, "K" * 200, "https://e.example/" + "k" * 980
        )
        store.put_timeline_rows([(viewer, long) for viewer in viewers])
        assert store.get_timeline(viewers[0]) == store.get_timeline(viewers[-1]) == [long]
        store.delete_timeline_rows([(viewer, "kofi", "movie:1") for viewer in viewers])
        assert store.get_timeline(viewers[0]) == store.get_timeline(viewers[-1]) == []

    def test_empty_writes_change_nothing(self, store: ActivityStore) -> None:
        store.put_timeline_rows([("ama", row("kofi", "movie:1"))])
        store.put_timeline_rows([])
        store.delete_timeline_rows([])
        assert store.get_timeline("ama") == [row("kofi", "movie:1")]

    def test_titles_are_found_by_author(self, store: ActivityStore) -> None:
        store.put_timeline_rows([("ama", row("kofi", f"movie:{n}")) for n in range(4)])
        store.put_timeline_rows([("ama", row("esi", "movie:7")), ("yaw", row("kofi", "movie:8"))])
        assert store.get_titles_by_author("ama", "kofi") == [f"movie:{n}" for n in range(4)]
        assert len(store.get_titles_by_author("ama", "kofi", limit=3)) == 3
        assert store.get_titles_by_author("ama", "nobody") == []


class TestTrimming:
    def test_the_oldest_surplus_rows_are_deleted(self, store: ActivityStore) -> None:
        store.put_timeline_rows([("ama", row("kofi", f"movie:{n}", at=NOW + n)) for n in range(10)])
        store.put_timeline_rows([("esi", row("kofi", "movie:1"))])
        assert store.trim_timeline("ama", keep=10) == 0
        assert store.trim_timeline("ama", keep=6, limit=3) == 3
        assert store.trim_timeline("ama", keep=6) == 1
        assert [r.title for r in store.get_timeline("ama")] == [f"movie:{n}" for n in (9, 8, 7, 6, 5, 4)]
        assert len(store.get_timeline("esi")) == 1


class TestJobs:
    def test_due_jobs_come_oldest_first(self, store: ActivityStore) -> None:
        jobs = [Job("rebuild", f"p{n:02d}", due=NOW - n) for n in range(40)]
        for job in jobs:
            store.put_job(job)
        store.put_job(Job("rebuild", "later", due=NOW + 0.5))
        assert store.get_due_jobs(now=NOW, limit=5) == jobs[:-6:-1]
        assert store.get_due_jobs(now=NOW) == jobs[::-1]
        assert len(store.get_due_jobs(now=NOW + 1)) == 41

    def test_all_jobs_come_in_the_order_they_were_left(self, store: ActivityStore) -> None:
        jobs = [Job("rebuild", f"p{n}", due=NOW + n) for n in range(20)]
        for job in jobs:
            store.put_job(job)
        store.postpone_job(jobs[0], due=NOW + 100)
        found = store.get_oldest_jobs()
        assert [job.subject for job in found] == [job.subject for job in jobs]
        assert [(job.due, job.first_due) for job in found[:2]] == [(NOW + 100, NOW), (NOW + 1, NOW + 1)]
        assert store.get_oldest_jobs(limit=3) == found[:3]

    def test_kind_subject_and_target_identify_a_job(self, store: ActivityStore) -> None:
        store.put_job(Job("purge", "ama", "kofi", 1, NOW))
        store.put_job(Job("purge", "ama", "esi", 1, NOW))
        store.put_job(Job("backfill", "ama", "kofi", 1, NOW))
        store.put_job(Job("purge", "ama", "kofi", 2, NOW + 1))
        assert store.get_job("purge", "ama", "kofi") == Job("purge", "ama", "kofi", 2, NOW + 1)
        assert store.get_job("purge", "kofi", "ama") is None
        assert len(keys_of(store.get_due_jobs(now=NOW + 1))) == 3

    def test_a_postponed_job_is_not_due_earlier(self, store: ActivityStore) -> None:
        job = Job("rebuild", "ama", version=3, due=NOW)
        store.put_job(job)
        store.postpone_job(job, due=NOW + 60)
        assert store.get_due_jobs(now=NOW + 59) == []
        (later,) = store.get_due_jobs(now=NOW + 60)
        assert (later.version, later.due) == (3, NOW + 60)
        store.postpone_job(Job("rebuild", "kofi"), due=NOW)
        assert store.get_job("rebuild", "kofi") is None

    def test_finishing_a_job_leaves_another_version(self, store: ActivityStore) -> None:
        old, new = Job("rebuild", "ama", version=1, due=NOW), Job("rebuild", "ama", version=2, due=NOW)
        store.put_job(new)
        assert not store.finish_job(old)
        assert store.finish_job(new)
        assert not store.finish_job(new)
        assert store.get_job("rebuild", "ama") is None

    def test_a_postponed_job_can_be_finished(self, store: ActivityStore) -> None:
        job = Job("rebuild", "ama", due=NOW)
        store.put_job(job)
        store.postpone_job(job, due=NOW + 60)
        assert store.finish_job(job)
