"""Test that the soak finds violations of each invariant. `make soak` runs the soak itself."""

import subprocess
import sys
from typing import Any

import httpx
import pytest

from activity.types import Relation
from bench.servers import ROOT
from finishd.testing.expected import ExpectedTimelines
from soak import invariants
from soak.faults import FAULTS, FIRST_SECONDS, LAST_SECONDS, make_schedule
from soak.monitoring import MAX_REDIS_CONNECTIONS, MAX_SQL_CONNECTIONS, measure_growth
from soak.phone import find_undocumented
from soak.record import RECOVERY_SECONDS, Fault, Response, RunRecord, get_recovery_seconds
from soak.reporting import ReportingViewer
from soak.scrolling import ScrolledSession

HOUR = 1_795_000_000 // 3_600 * 3_600
EVENT = {
    "eventType": "complete",
    "itemId": "film-1",
    "timestamp": "2026-11-18T11:06:40.000",
    "durationWatched": 12,
}
UNKNOWN_EVENT = {**EVENT, "itemId": "unknown-1"}
ITEMS = {"film-1": ["drama"]}


def make_page(
    *ids: str, rebuilt: bool = False, degraded: tuple[str, ...] = (), **changes: Any
) -> dict[str, Any]:
    meta = {
        "session": "s1",
        "limit": 10,
        "itemCount": len(ids),
        "hasMore": True,
        "cursor": "next",
        "planRebuilt": rebuilt,
        "degraded": list(degraded),
    }
    return {"feed": [{"id": item} for item in ids], "meta": {**meta, **changes}}


class TestSchedule:
    def test_a_schedule_depends_on_the_seed_only(self) -> None:
        assert make_schedule(7, 900) == make_schedule(7, 900)
        assert make_schedule(7, 900) != make_schedule(8, 900)

    def test_a_schedule_has_four_faults_in_a_minute_and_every_kind_in_two(self) -> None:
        assert len(make_schedule(1, 60)) >= 4
        assert {fault.name for fault in make_schedule(1, 130)} == set(FAULTS)

    def test_a_schedule_has_no_faults_at_the_start_and_at_the_end(self) -> None:
        times = [fault.at for fault in make_schedule(3, 300)]
        assert min(times) >= FIRST_SECONDS
        assert max(times) <= 300 - LAST_SECONDS


class TestScrolledSession:
    def test_an_item_that_is_served_twice_is_found(self) -> None:
        session = ScrolledSession("for_you")
        assert session.add_page(make_page("a", "b")) == []
        (error,) = session.add_page(make_page("c", "a"))
        assert "a of page 1 was served again on page 2" in error

    def test_repeats_are_allowed_after_a_page_without_the_served_history(self) -> None:
        session = ScrolledSession("for_you")
        session.add_page(make_page("a"))
        assert session.add_page(make_page("a", rebuilt=True, degraded=("served_history",))) == []
        assert session.add_page(make_page("a")) == []

    @pytest.mark.parametrize("changes", [{"itemCount": 2}, {"cursor": None}, {"session": "s2"}, {"limit": 0}])
    def test_an_inconsistent_page_is_found(self, changes: dict[str, Any]) -> None:
        session = ScrolledSession("for_you", name="s1")
        assert len(session.add_page(make_page("a", **changes))) == 1


class TestEvents:
    def make_stored(self, **changes: Any) -> dict[str, Any]:
        checkpoints = [
            {"reader": name, "events": 2, "dead_letters_lost": 0, "stream_resets": 0}
            for name in ("counts", "history")
        ]
        stored: dict[str, Any] = {
            "counts": [["film-1", HOUR, "complete", 1, 12]],
            "dead_letters": [{"viewer": "ama", "item": "unknown-1", "reason": "unknown_item"}],
            "checkpoints": checkpoints,
            "histories": {"ama": [["film-1", "unknown-1"], {"drama": 0.1429}]},
        }
        return {**stored, **changes}

    def find_errors(self, stored: dict[str, Any]) -> list[str]:
        viewer = ReportingViewer("ama", [], reports_unknown_items=True, accepted=[EVENT, UNKNOWN_EVENT])
        return list(invariants.find_count_errors([viewer], stored, ITEMS))

    def test_accepted_events_are_counted_once(self) -> None:
        assert self.find_errors(self.make_stored()) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"counts": []},
            {"counts": [["film-1", HOUR, "complete", 2, 24]]},
            {"dead_letters": []},
            {"checkpoints": [{"reader": "counts", "events": 2, "dead_letters_lost": 0, "stream_resets": 1}]},
        ],
        ids=["a lost event", "an event counted twice", "a lost dead letter", "a reset stream"],
    )
    def test_wrong_counts_are_found(self, changes: dict[str, Any]) -> None:
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


def test_a_fault_affects_responses_until_the_recovery_time_has_passed() -> None:
    record = RunRecord(start=0.0)
    fault = Fault("Redis paused", start=10.0, end=11.0)
    record.faults.append(fault)
    times = (10.5, 12.0, 11.1 + RECOVERY_SECONDS)
    during, after, late = (Response("GET /feed", 503, at, 500.0) for at in times)
    for response in (during, after, late):
        record.add_response(response)
    assert [record.is_affected(response) for response in (during, after, late)] == [True, True, False]
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
