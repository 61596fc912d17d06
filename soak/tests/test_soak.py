"""Test that the soak finds violations of each invariant. `make soak` runs the soak itself."""

import subprocess
import sys
from typing import Any

import httpx
import pytest

from activity.types import Relation
from bench.servers import ROOT
from finishd.testing.expected import ExpectedTimelines
from soak import invariants, losses
from soak.checks.answers import RECOVERY_SECONDS
from soak.faults import FAULTS, FIRST_SECONDS, INTERVAL_SECONDS, LAST_SECONDS, make_schedule
from soak.history import Fault, History, Operation
from soak.monitoring import MAX_REDIS_CONNECTIONS, MAX_SQL_CONNECTIONS, measure_growth
from soak.phone import find_undocumented
from soak.record import RunRecord, get_recovery_seconds
from soak.reporting import ReportingViewer
from soak.scrolling import find_page_errors

EVENT = {
    "eventType": "complete",
    "itemId": "film-1",
    "timestamp": "2026-11-18T11:06:40.000",
    "durationWatched": 12,
}
UNKNOWN_EVENT = {**EVENT, "itemId": "unknown-1"}
ITEMS = {"film-1": ["drama"]}


def make_page(*ids: str, **changes: Any) -> dict[str, Any]:
    meta = {
        "session": "s1",
        "page": 1,
        "limit": 10,
        "itemCount": len(ids),
        "hasMore": True,
        "cursor": "next",
    }
    return {"feed": [{"id": item} for item in ids], "meta": {**meta, **changes}}


class TestSchedule:
    def test_a_schedule_depends_on_the_seed_only(self) -> None:
        assert make_schedule(7, 900) == make_schedule(7, 900)
        assert make_schedule(7, 900) != make_schedule(8, 900)

    def test_a_schedule_has_four_faults_in_a_minute_and_every_kind_before_any_returns(self) -> None:
        assert len(make_schedule(1, 60)) >= 4
        seconds = FIRST_SECONDS + INTERVAL_SECONDS[1] * len(FAULTS) + LAST_SECONDS
        assert {fault.name for fault in make_schedule(1, seconds)} == set(FAULTS)

    def test_a_schedule_has_no_faults_at_the_start_and_at_the_end(self) -> None:
        times = [fault.at for fault in make_schedule(3, 300)]
        assert min(times) >= FIRST_SECONDS
        assert max(times) <= 300 - LAST_SECONDS


@pytest.mark.parametrize("changes", [{"itemCount": 2}, {"cursor": None}, {"session": "s2"}, {"limit": 0}])
def test_an_inconsistent_page_is_found(changes: dict[str, Any]) -> None:
    assert find_page_errors(make_page("a"), "s1") == []
    assert len(find_page_errors(make_page("a", **changes), "s1")) == 1


class TestEvents:
    def make_stored(self, **changes: Any) -> dict[str, Any]:
        checkpoints = [
            {"reader": name, "events": 2, "dead_letters_lost": 0, "stream_resets": 0}
            for name in ("counts", "history")
        ]
        stored: dict[str, Any] = {
            "dead_letters": [{"viewer": "ama", "item": "unknown-1", "reason": "unknown_item"}],
            "checkpoints": checkpoints,
            "histories": {"ama": [["film-1", "unknown-1"], {"drama": 0.1429}]},
        }
        return {**stored, **changes}

    def find_errors(self, stored: dict[str, Any]) -> list[str]:
        viewer = ReportingViewer("ama", [], reports_unknown_items=True, accepted=[EVENT, UNKNOWN_EVENT])
        return list(invariants.find_event_errors([viewer], stored, ITEMS))

    def test_accepted_events_are_read_once(self) -> None:
        assert self.find_errors(self.make_stored()) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"checkpoints": [{"reader": "counts", "events": 1, "dead_letters_lost": 0, "stream_resets": 0}]},
            {"dead_letters": []},
            {"checkpoints": [{"reader": "counts", "events": 2, "dead_letters_lost": 0, "stream_resets": 1}]},
        ],
        ids=["an unread event", "a lost dead letter", "a reset stream"],
    )
    def test_unread_events_are_found(self, changes: dict[str, Any]) -> None:
        assert self.find_errors(self.make_stored(**changes)) != []

    def test_a_wrong_history_is_found(self) -> None:
        viewer = ReportingViewer("ama", [], reports_unknown_items=False, accepted=[EVENT])
        stored = self.make_stored(histories={"ama": [["film-1"], {"drama": 0.1429}]})
        assert list(invariants.find_history_errors([viewer], stored, ITEMS.__getitem__)) == []
        stored = self.make_stored(histories={"ama": [["film-1"], {"drama": 0.2}]})
        assert len(list(invariants.find_history_errors([viewer], stored, ITEMS.__getitem__))) == 1


class TestTimelines:
    activity = ["kofi", "movie:1", 100, None, True, None]
    timelines = ("durable", "reloaded", "cached", "visible", "visible_after_reload")

    def make_stored(self, **changes: Any) -> dict[str, Any]:
        rows = {name: [self.activity] for name in self.timelines}
        person = {"profile_differences": {}, "following": 1, "pull_list": [], **rows, **changes}
        return {"activities": [self.activity], "people": {"ama": person}}

    def find_errors(self, stored: dict[str, Any]) -> list[str]:
        model = ExpectedTimelines()
        model.follows.add(("ama", "kofi"))
        model.set_relation("kofi", "movie:1", Relation(favorite=True), 0)
        return list(invariants.find_timeline_errors(model, stored))

    def test_a_timeline_has_the_activities_of_followees(self) -> None:
        assert self.find_errors(self.make_stored()) == []
        assert self.find_errors(self.make_stored(cached=None)) == []

    @pytest.mark.parametrize("timeline", timelines)
    def test_a_missing_row_and_an_additional_row_are_found(self, timeline: str) -> None:
        additional = ["yaw", *self.activity[1:]]
        assert len(self.find_errors(self.make_stored(**{timeline: []}))) == 1
        assert len(self.find_errors(self.make_stored(**{timeline: [self.activity, additional]}))) == 1

    def test_activities_of_a_pull_delivered_account_need_not_be_pushed(self) -> None:
        stored = self.make_stored(pull_list=["kofi"], durable=[], cached=[], reloaded=[])
        assert self.find_errors(stored) == []

    def test_an_additional_activity_is_found(self) -> None:
        stored = self.make_stored()
        stored["activities"].append(["yaw", *self.activity[1:]])
        assert len(self.find_errors(stored)) == 1


def test_wrong_items_cards_keys_and_indexes_are_found() -> None:
    stored = {"published": ["a"], "wrong_cards": [], "key_violations": [], "index_age": 1.0}
    assert list(invariants.find_catalogue_errors(set(), ["a"], stored)) == []
    violations: list[dict[str, Any]] = [
        {"published": []},
        {"wrong_cards": ["a"]},
        {"key_violations": ["x lives -1 s"]},
        {"index_age": None},
    ]
    for changes in violations:
        assert len(list(invariants.find_catalogue_errors(set(), ["a"], {**stored, **changes}))) == 1


def test_a_lost_message_is_found_unless_its_worker_was_killed() -> None:
    def find_errors(queue: int, *taken_at: float) -> list[str]:
        stored = {"queues": {"delivery": queue}, "taken_at": list(taken_at)}
        return list(
            invariants.find_lost_messages(stored, last_recovery=1_000, now=1_100, redelivery_seconds=660)
        )

    assert find_errors(0, 990.0) == []
    assert len(find_errors(0, 1_050.0)) == 1
    assert len(find_errors(0, 400.0)) == 1
    assert len(find_errors(1)) == 1


def test_too_many_connections_and_an_open_transaction_are_found() -> None:
    def find_errors(redis_connections: int, sql_states: list[str]) -> list[str]:
        return list(invariants.find_connection_leaks(redis_connections, sql_states))

    assert find_errors(MAX_REDIS_CONNECTIONS, ["idle"] * MAX_SQL_CONNECTIONS) == []
    assert len(find_errors(MAX_REDIS_CONNECTIONS + 1, ["idle"] * (MAX_SQL_CONNECTIONS + 1))) == 2
    assert len(find_errors(1, ["idle in transaction"])) == 1


def test_a_memory_leak_is_distinguished_from_a_warm_up() -> None:
    leaking = measure_growth("web", [(float(second), 90 + second / 5) for second in range(300)])
    assert leaking is not None
    assert leaking.is_excessive
    assert len(list(invariants.find_memory_leaks([leaking]))) == 1
    warming = measure_growth("web", [(float(second), min(60.0 + second, 90)) for second in range(300)])
    assert warming is not None
    assert not warming.is_excessive
    assert measure_growth("web", [(float(second), 90.0) for second in range(40)]) is None


def test_a_fault_affects_requests_until_the_recovery_time_has_passed() -> None:
    record = RunRecord(History([]))
    fault = Fault("Redis paused", start=10.0, end=11.0)
    record.faults.append(fault)
    times = (10.5, 12.0, 11.1 + RECOVERY_SECONDS)
    during, after, late = (
        Operation("ama", "page", "for_you", at, at + 0.5, 503, "GET /feed") for at in times
    )
    record.add([during, after, late])
    assert [record.is_affected(request) for request in (during, after, late)] == [True, True, False]
    assert get_recovery_seconds(fault, [during, after]) == 2.5
    assert get_recovery_seconds(fault, []) == 0.0


@pytest.mark.parametrize(
    ("status", "headers", "documented"),
    [
        (200, {}, True),
        (503, {"Retry-After": "2"}, True),
        (503, {}, False),
        (500, {}, False),
        (502, {}, False),
    ],
)
def test_an_undocumented_response_is_found(status: int, headers: dict[str, str], documented: bool) -> None:
    assert (find_undocumented(httpx.Response(status, headers=headers)) is None) == documented


@pytest.mark.gauntlet
@pytest.mark.timeout(900)
def test_a_soak_of_three_minutes_finds_no_violation() -> None:
    command = [sys.executable, "-m", "soak", "--minutes", "3", "--seed", "1"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(finished.stdout)
    assert finished.returncode == 0, finished.stdout + finished.stderr[-5_000:]


class TestLosses:
    """A rollback of Redis may change the results of viewers who reported events in its loss window, or just before."""

    def make_history(self, at: float) -> History:
        rolled_back = Fault("Redis rolled back", 100.0, 102.0, loses_since=100.0)
        report = Operation("ama", "report", "", at, at + 0.1)
        return History(operations=[report], faults=[rolled_back])

    @pytest.mark.parametrize(
        ("at", "affected"), [(80.0, set()), (95.0, {"ama"}), (101.0, {"ama"}), (103.0, set())]
    )
    def test_affected_viewers(self, at: float, affected: set[str]) -> None:
        assert losses.find_affected_viewers(self.make_history(at)) == affected

    def test_their_events_are_not_compared(self) -> None:
        viewer = ReportingViewer("ama", [], reports_unknown_items=True, accepted=[EVENT, UNKNOWN_EVENT])
        stored = {
            "dead_letters": [],
            "checkpoints": [{"reader": "counts", "events": 1, "dead_letters_lost": 0, "stream_resets": 1}],
        }
        assert list(invariants.find_event_errors([viewer], stored, ITEMS, {"ama"})) == []
        assert list(invariants.find_event_errors([viewer], stored, ITEMS)) != []
