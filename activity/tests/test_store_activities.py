"""The contract of all activity stores: activities and ledgers."""

import pytest

from activity.store.base import ActivityStore
from activity.tests.store_contract import DUE, FINISHED, LIKED, NOTHING, NOW, record
from activity.types import MAX_FINISHED_TITLES, Activity, Ledger, Relation


def existing(activity: Activity | None) -> Activity:
    assert activity is not None
    return activity


class TestRecording:
    def test_a_relation_is_recorded_completely(self, store: ActivityStore) -> None:
        relation = Relation(status="watching", favorite=True, rating=4)
        recorded = store.record_relation(
            "ama", "movie:1", relation, now=NOW + 0.5, due=DUE, origin="friend", affinity_gain={"drama": 1.5}
        )
        assert recorded.changed
        assert recorded.activity == Activity(
            "ama",
            "movie:1",
            relation,
            at=NOW,
            version=1,
            recorded_at=NOW + 0.5,
            origin="friend",
            affinity_gain={"drama": 1.5},
        )
        assert store.get_activity("ama", "movie:1") == recorded.activity
        assert store.get_profile("ama") == recorded.profile

    def test_each_change_leaves_a_deliver_job_of_its_version(self, store: ActivityStore) -> None:
        for version, relation in enumerate((LIKED, FINISHED, NOTHING), start=1):
            assert record(store, "ama", "movie:1", relation).activity.version == version
            job = store.get_job("deliver", "ama", "movie:1")
            assert job is not None
            assert (job.version, job.due) == (version, DUE)

    def test_a_repeat_changes_nothing_and_leaves_no_job(self, store: ActivityStore) -> None:
        first = record(store, "ama", "movie:1", LIKED)
        job = store.get_job("deliver", "ama", "movie:1")
        assert job is not None
        assert store.finish_job(job)
        again = record(store, "ama", "movie:1", LIKED, at=NOW + 60)
        assert not again.changed
        assert (again.activity, again.profile) == (first.activity, first.profile)
        assert store.get_job("deliver", "ama", "movie:1") is None

    def test_undoing_an_unrecorded_relation_changes_nothing(self, store: ActivityStore) -> None:
        recorded = record(store, "ama", "movie:1", NOTHING)
        assert not recorded.changed
        assert recorded.activity.version == 0
        assert store.get_activity("ama", "movie:1") is None
        assert store.get_due_jobs(now=DUE + 60) == []

    def test_a_rating_alone_does_not_move_it_in_time(self, store: ActivityStore) -> None:
        record(store, "ama", "movie:1", LIKED, at=NOW)
        rated = record(store, "ama", "movie:1", Relation(favorite=True, rating=5), at=NOW + 60)
        assert (rated.activity.at, rated.activity.version) == (NOW, 2)
        unrated = record(store, "ama", "movie:1", LIKED, at=NOW + 70)
        assert (unrated.activity.at, unrated.activity.version) == (NOW, 3)
        moved = record(store, "ama", "movie:1", FINISHED, at=NOW + 80)
        assert (moved.activity.at, moved.activity.version) == (NOW + 80, 4)

    def test_a_relation_recorded_after_an_undo_has_a_new_time(self, store: ActivityStore) -> None:
        record(store, "ama", "movie:1", Relation(rating=3), at=NOW)
        record(store, "ama", "movie:1", NOTHING, at=NOW + 10)
        assert record(store, "ama", "movie:1", Relation(rating=3), at=NOW + 20).activity.at == NOW + 20

    def test_a_change_empties_the_ledger(self, store: ActivityStore) -> None:
        record(store, "ama", "movie:1", LIKED)
        store.save_ledger("ama", "movie:1", 1, Ledger(10, 5, "kofi", NOW, NOW))
        assert record(store, "ama", "movie:1", FINISHED).activity.ledger == Ledger()
        assert existing(store.get_activity("ama", "movie:1")).ledger == Ledger()


class TestPerson:
    def test_affinity_gains_come_and_go_with_the_activity(self, store: ActivityStore) -> None:
        def record_gain(gain: dict[str, float], relation: Relation) -> dict[str, float]:
            recorded = store.record_relation("ama", "movie:1", relation, now=NOW, due=DUE, affinity_gain=gain)
            return dict(recorded.profile.affinities)

        assert record_gain({"drama": 3.0, "__odd__": 1.0, "a.b": 1.0}, LIKED) == {
            "drama": 0.5,
            "__odd__": 0.25,
            "a.b": 0.25,
        }
        assert record_gain({"comedy": 1.0}, FINISHED) == {"comedy": 0.25}
        assert record_gain({}, NOTHING) == {}

    def test_finished_titles_follow_the_status(self, store: ActivityStore) -> None:
        record(store, "ama", "movie:1", FINISHED)
        assert record(store, "ama", "movie:2", FINISHED).profile.finished == {"movie:1", "movie:2"}
        assert record(store, "ama", "movie:1", LIKED).profile.finished == {"movie:2"}

    def test_the_newest_finished_titles_stay(
        self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("activity.rules.relations.MAX_FINISHED_TITLES", 3)
        for number in range(5):
            profile = record(store, "ama", f"movie:{number}", FINISHED).profile
        assert profile.finished == {"movie:2", "movie:3", "movie:4"}
        assert MAX_FINISHED_TITLES == 5_000

    def test_the_newest_activity_determines_active_at_and_raises_the_version(
        self, store: ActivityStore
    ) -> None:
        assert record(store, "ama", "movie:1", LIKED, at=NOW + 60).profile.version == 1
        profile = record(store, "ama", "movie:2", LIKED, at=NOW).profile
        assert (profile.active_at, profile.choice_version) == (NOW + 60, 0)


class TestReading:
    def test_the_newest_activities_come_first_without_undone_ones(self, store: ActivityStore) -> None:
        for number in range(5):
            record(store, "ama", f"movie:{number}", LIKED, at=NOW + number)
        record(store, "ama", "movie:3", NOTHING, at=NOW + 10)
        record(store, "kofi", "movie:9", LIKED, at=NOW + 20)
        titles = [activity.title for activity in store.get_activities("ama")]
        assert titles == ["movie:4", "movie:2", "movie:1", "movie:0"]
        assert [a.title for a in store.get_activities("ama", limit=2)] == ["movie:4", "movie:2"]
        undone = existing(store.get_activity("ama", "movie:3"))
        assert undone.relation.is_empty
        assert undone.version == 2


class TestLedger:
    def test_a_ledger_is_saved_only_for_the_current_version(self, store: ActivityStore) -> None:
        record(store, "ama", "movie:1", LIKED)
        ledger = Ledger(1_000, 500, "kofi", NOW + 0.25, NOW + 1.5)
        assert store.save_ledger("ama", "movie:1", 1, ledger)
        assert existing(store.get_activity("ama", "movie:1")).ledger == ledger
        record(store, "ama", "movie:1", NOTHING)
        assert not store.save_ledger("ama", "movie:1", 1, ledger)
        assert not store.save_ledger("ama", "movie:2", 1, ledger)
        assert existing(store.get_activity("ama", "movie:1")).ledger == Ledger()
