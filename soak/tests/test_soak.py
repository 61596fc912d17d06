"""That the soak would notice: each thing that must be true, made untrue. The soak itself is for `make soak`."""

import subprocess
import sys
from typing import Any

import httpx
import pytest

from activity.types import Relation
from bench.servers import ROOT
from finishd.testing.expected import ExpectedTimelines
from soak import invariants
from soak.faults import FAULTS, FIRST, LAST, schedule
from soak.monitoring import REDIS_MOST, SQL_MOST, growth_of
from soak.phone import undocumented
from soak.record import CALM_AFTER, Answer, Fault, Record, recovered_after
from soak.reporting import Viewer
from soak.scrolling import Session

HOUR = 1_795_000_000 // 3_600 * 3_600
EVENT = {
    "eventType": "complete",
    "itemId": "film-1",
    "timestamp": "2026-11-18T11:06:40.000",
    "durationWatched": 12,
}
STRANGE = {**EVENT, "itemId": "nobody-has-1"}
ITEMS = {"film-1": ["drama"]}


def page(*ids: str, rebuilt: bool = False, degraded: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
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


class TestTheSchedule:
    def test_is_the_seeds(self) -> None:
        assert schedule(7, 900) == schedule(7, 900)
        assert schedule(7, 900) != schedule(8, 900)

    def test_has_four_faults_in_a_minute_and_every_kind_in_two(self) -> None:
        assert len(schedule(1, 60)) >= 4
        assert {fault.name for fault in schedule(1, 130)} == set(FAULTS)

    def test_leaves_the_beginning_and_the_end_alone(self) -> None:
        times = [fault.at for fault in schedule(3, 300)]
        assert min(times) >= FIRST
        assert max(times) <= 300 - LAST


class TestASession:
    def test_an_item_that_comes_again_is_noticed(self) -> None:
        session = Session("for_you")
        assert session.take(page("a", "b")) == []
        (complaint,) = session.take(page("c", "a"))
        assert "a of page 1 came again on page 2" in complaint

    def test_unless_a_page_admits_that_it_does_not_know(self) -> None:
        session = Session("for_you")
        session.take(page("a"))
        assert session.take(page("a", rebuilt=True, degraded=("served_history",))) == []
        assert session.take(page("a")) == []

    @pytest.mark.parametrize("changes", [{"itemCount": 2}, {"cursor": None}, {"session": "s2"}, {"limit": 0}])
    def test_a_page_that_contradicts_itself_is_noticed(self, changes: dict[str, Any]) -> None:
        session = Session("for_you", name="s1")
        assert len(session.take(page("a", **changes))) == 1


class TestCounts:
    def kept(self, **changes: Any) -> dict[str, Any]:
        readers = [
            {"reader": name, "events": 2, "dead_letters_lost": 0, "stream_resets": 0}
            for name in ("counts", "history")
        ]
        whole: dict[str, Any] = {
            "counts": [["film-1", HOUR, "complete", 1, 12]],
            "letters": [{"viewer": "ama", "item": "nobody-has-1", "reason": "unknown_item"}],
            "readers": readers,
            "known": {"ama": [["film-1", "nobody-has-1"], {"drama": 0.1429}]},
        }
        return {**whole, **changes}

    def found(self, kept: dict[str, Any]) -> list[str]:
        return list(invariants.counts([Viewer("ama", [], unknown=True, told=[EVENT, STRANGE])], kept, ITEMS))

    def test_what_was_told_is_counted_once(self) -> None:
        assert self.found(self.kept()) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"counts": []},
            {"counts": [["film-1", HOUR, "complete", 2, 24]]},
            {"letters": []},
            {"readers": [{"reader": "counts", "events": 2, "dead_letters_lost": 0, "stream_resets": 1}]},
        ],
        ids=["lost", "twice", "no letter", "a reset"],
    )
    def test_anything_else_is_noticed(self, changes: dict[str, Any]) -> None:
        assert self.found(self.kept(**changes)) != []

    def test_so_is_what_a_viewer_did_not_tell(self) -> None:
        viewer = Viewer("ama", [], unknown=False, told=[EVENT])
        kept = self.kept(known={"ama": [["film-1"], {"drama": 0.1429}]})
        assert list(invariants.tastes([viewer], kept, ITEMS.__getitem__)) == []
        kept = self.kept(known={"ama": [["film-1"], {"drama": 0.2}]})
        assert len(list(invariants.tastes([viewer], kept, ITEMS.__getitem__))) == 1


class TestTimelines:
    deed = ["kofi", "movie:1", 100, None, True, None]

    def kept(self, **changes: Any) -> dict[str, Any]:
        rows = {name: [self.deed] for name in ("durable", "loaded", "hot", "visible", "visible_loaded")}
        person = {"differs": {}, "following": 1, "pulled": [], **rows, **changes}
        return {"deeds": [self.deed], "people": {"ama": person}}

    def found(self, kept: dict[str, Any]) -> list[str]:
        model = ExpectedTimelines()
        model.follows.add(("ama", "kofi"))
        model.set_relation("kofi", "movie:1", Relation(favorite=True), 0)
        return list(invariants.timelines(model, kept))

    def test_a_row_for_each_deed_of_those_one_follows(self) -> None:
        assert self.found(self.kept()) == []
        assert self.found(self.kept(hot=None)) == []

    @pytest.mark.parametrize("where", ["durable", "loaded", "hot", "visible", "visible_loaded"])
    def test_one_that_is_missing_and_one_too_many_are_noticed(self, where: str) -> None:
        assert len(self.found(self.kept(**{where: []}))) == 1
        assert len(self.found(self.kept(**{where: [self.deed, ["yaw", *self.deed[1:]]]}))) == 1

    def test_an_account_that_is_pulled_need_not_be_pushed(self) -> None:
        assert self.found(self.kept(pulled=["kofi"], durable=[], hot=[], loaded=[])) == []

    def test_a_deed_that_nobody_did_is_noticed(self) -> None:
        kept = self.kept()
        kept["deeds"].append(["yaw", *self.deed[1:]])
        assert len(self.found(kept)) == 1


def test_a_key_a_card_or_an_item_that_is_not_as_it_must_be_is_noticed() -> None:
    kept = {"published": ["a"], "mistaken": [], "keys": [], "index_age": 1.0}
    assert list(invariants.catalogue(set(), ["a"], kept)) == []
    wrong: list[dict[str, Any]] = [
        {"published": []},
        {"mistaken": ["a"]},
        {"keys": ["x lives -1 s"]},
        {"index_age": None},
    ]
    for changes in wrong:
        assert len(list(invariants.catalogue(set(), ["a"], {**kept, **changes}))) == 1


def test_a_message_that_nobody_holds_is_noticed_and_one_of_a_killed_worker_is_not() -> None:
    def found(queue: int, *taken: float) -> list[str]:
        kept = {"queues": {"delivery": queue}, "taken": list(taken)}
        return list(invariants.messages(kept, disturbed=1_000, now=1_100, visible_again=660))

    assert found(0, 990.0) == []
    assert len(found(0, 1_050.0)) == 1
    assert len(found(0, 400.0)) == 1
    assert len(found(1)) == 1


def test_a_connection_too_many_and_an_open_transaction_are_noticed() -> None:
    assert list(invariants.connections(REDIS_MOST, ["idle"] * SQL_MOST)) == []
    assert len(list(invariants.connections(REDIS_MOST + 1, ["idle"] * (SQL_MOST + 1)))) == 2
    assert len(list(invariants.connections(1, ["idle in transaction"]))) == 1


def test_memory_that_grows_for_ever_is_told_from_a_process_that_warms_up() -> None:
    leaking = growth_of("web", [(float(second), 90 + second / 5) for second in range(300)])
    assert leaking is not None
    assert leaking.too_much
    assert len(list(invariants.memory([leaking]))) == 1
    warming = growth_of("web", [(float(second), min(60.0 + second, 90)) for second in range(300)])
    assert warming is not None
    assert not warming.too_much
    assert growth_of("web", [(float(second), 90.0) for second in range(40)]) is None


def test_an_answer_is_in_a_fault_until_calm_is_due() -> None:
    record = Record(began=0.0)
    fault = Fault("Redis paused", began=10.0, ended=11.0)
    record.faults.append(fault)
    during, after, late = (Answer("GET /feed", 503, at, 500.0) for at in (10.5, 12.0, 11.1 + CALM_AFTER))
    for answer in (during, after, late):
        record.answered(answer)
    assert [record.in_fault(answer) for answer in (during, after, late)] == [True, True, False]
    assert recovered_after(fault, [during, after]) == 2.5
    assert recovered_after(fault, []) == 0.0


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
def test_answers_are_documented_ones(status: int, headers: dict[str, str], documented: bool) -> None:
    assert (undocumented(httpx.Response(status, headers=headers)) is None) == documented


@pytest.mark.gauntlet
@pytest.mark.timeout(900)
def test_three_minutes() -> None:
    command = [sys.executable, "-m", "soak", "--minutes", "3", "--seed", "1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-5_000:]
