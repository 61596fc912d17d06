"""Test that each check finds a violation of its promise, and nothing else."""

import pytest

from soak.checks import CHECKS, check
from soak.history import Fault, Operation, Page, Shown, Stall
from soak.tests.histories import (
    compared,
    counted,
    like,
    make_history,
    operation,
    read,
    report,
    undo,
    violations,
)

FOLLOW = operation("ama", "follow", "kofi", 1.0)
LIKE = like("kofi", "title", 2.0)
SEES = {"title": ["kofi"]}


class TestVisible:
    def test_a_like_that_is_missing_ten_seconds_after_its_answer_is_found(self) -> None:
        (violation,) = violations("visible", FOLLOW, LIKE, read("ama", 13.0, {}))
        assert "ama does not see title of kofi" in violation.description

    def test_a_like_that_is_shown_is_compared(self) -> None:
        operations = (FOLLOW, LIKE, read("ama", 13.0, SEES))
        assert violations("visible", *operations) == []
        assert compared("visible", *operations) == 1

    @pytest.mark.parametrize(
        "other",
        [
            like("kofi", "title", 5.0, status=503),
            operation("yaw", "follow", "kofi", 5.0),
            operation("ama", "unfollow", "kofi", 5.0, status=429),
        ],
        ids=["an unanswered repeat", "another follower", "a refused unfollow"],
    )
    def test_what_changes_nothing_excuses_nothing(self, other: Operation) -> None:
        assert len(violations("visible", FOLLOW, LIKE, other, read("ama", 16.0, {}))) == 1

    @pytest.mark.parametrize(
        "other",
        [
            undo("kofi", "title", 5.0),
            undo("kofi", "title", 5.0, status=503),
            undo("kofi", "title", 12.95),
            operation("ama", "unfollow", "kofi", 5.0),
            operation("kofi", "block", "ama", 5.0),
            operation("ama", "block", "kofi", 5.0, status=0),
            operation("staff", "unpublish", "film-1", 5.0),
        ],
        ids=[
            *("an undo", "an undo without a 200", "a concurrent undo", "an unfollow", "a block"),
            *("a block without an answer", "an unpublished item"),
        ],
    )
    def test_what_may_have_hidden_the_like_excuses_its_absence(self, other: Operation) -> None:
        operations = (FOLLOW, LIKE, other, read("ama", 13.0, {}))
        assert violations("visible", *operations) == []
        assert compared("visible", *operations) == 0

    def test_a_later_like_ends_the_excuse(self) -> None:
        operations = (FOLLOW, LIKE, undo("kofi", "title", 5.0, status=503), like("kofi", "title", 6.0))
        assert len(violations("visible", *operations, read("ama", 17.0, {}))) == 1

    def test_ten_seconds_count_from_the_end_of_the_last_fault(self) -> None:
        operations = (FOLLOW, LIKE, read("ama", 13.0, {}))
        assert violations("visible", *operations, faults=[Fault("Redis paused", 3.0, 3.5)]) == []
        assert len(violations("visible", *operations, faults=[Fault("Redis paused", 0.5, 1.5)])) == 1

    def test_seconds_in_which_the_servers_waited_for_processors_do_not_count(self) -> None:
        history = make_history(FOLLOW, LIKE, read("ama", 13.0, {}))
        history.stalls.append(Stall(5.0, 7.0, 1.5))
        assert check(history)[0].compared == 0
        history.operations.append(read("ama", 14.6, {}))
        assert check(history)[0].found == 1

    def test_a_session_that_was_not_read_to_its_end_is_not_compared(self) -> None:
        assert compared("visible", FOLLOW, LIKE, read("ama", 13.0, {}, next_cursor="2")) == 0


class TestHidden:
    def test_an_activity_in_a_feed_that_was_requested_after_its_undo_is_found(self) -> None:
        operations = (FOLLOW, LIKE, undo("kofi", "title", 5.0))
        (violation,) = violations("hidden", *operations, read("ama", 5.2, SEES))
        assert "activity undone" in violation.description
        assert violations("hidden", *operations, read("ama", 5.05, SEES)) == []
        assert compared("hidden", *operations, read("ama", 5.2, {})) == 1

    @pytest.mark.parametrize(
        ("left", "cause"),
        [
            (operation("ama", "unfollow", "kofi", 5.0), "follow unfollowed"),
            (operation("ama", "block", "kofi", 5.0), "follow blocked"),
            (operation("kofi", "block", "ama", 5.0), "follow blocked"),
        ],
    )
    def test_an_activity_of_a_person_who_was_left_is_found(self, left: Operation, cause: str) -> None:
        (violation,) = violations("hidden", FOLLOW, LIKE, left, read("ama", 6.0, SEES))
        assert cause in violation.description

    def test_an_activity_that_nobody_made_is_found(self) -> None:
        (violation,) = violations("hidden", FOLLOW, read("ama", 6.0, SEES))
        assert "activity never" in violation.description

    @pytest.mark.parametrize("status", [0, 503])
    def test_an_undo_that_was_not_acknowledged_promises_nothing(self, status: int) -> None:
        operations = (FOLLOW, LIKE, undo("kofi", "title", 5.0, status=status))
        assert violations("hidden", *operations, read("ama", 30.0, SEES)) == []

    @pytest.mark.parametrize(("loses_since", "at", "found"), [(4.5, 8.0, 0), (4.5, 18.0, 1), (5.5, 8.0, 1)])
    def test_what_was_undone_in_a_loss_window_may_return_for_ten_seconds(
        self, loses_since: float, at: float, found: int
    ) -> None:
        rolled_back = Fault("Redis rolled back", 6.0, 7.0, loses_since=loses_since)
        operations = (FOLLOW, LIKE, undo("kofi", "title", 5.0), read("ama", at, SEES))
        assert len(violations("hidden", *operations, faults=[rolled_back])) == found

    def test_a_fault_that_begins_before_its_loss_window_excuses_nothing_before_it(self) -> None:
        failover = Fault("Redis's replica promoted", 5.5, 12.0, loses_since=10.0)
        operations = (FOLLOW, LIKE, undo("kofi", "title", 5.0), read("ama", 6.0, SEES))
        assert len(violations("hidden", *operations, faults=[failover])) == 1

    def test_a_plan_that_was_built_before_the_undo_keeps_its_items(self) -> None:
        pages = (
            read("ama", 4.0, SEES, session="s", next_cursor="2"),
            read("ama", 6.0, SEES, session="s", cursor="2"),
        )
        assert violations("hidden", FOLLOW, LIKE, undo("kofi", "title", 5.0), *pages) == []

    def test_a_feed_that_a_concurrent_request_opened_counts_from_that_request(self) -> None:
        slow = Operation("ama", "page", "following", 4.0, 5.5, status=0)
        operations = (FOLLOW, LIKE, undo("kofi", "title", 5.0), slow)
        assert violations("hidden", *operations, read("ama", 5.3, SEES)) == []


class TestSessions:
    first = read("ama", 1.0, {"a": [], "b": []}, session="s", next_cursor="2", feed_type="for_you")

    def test_an_item_that_is_served_twice_is_found(self) -> None:
        second = read("ama", 2.0, {"c": [], "a": []}, session="s", cursor="2", feed_type="for_you")
        (violation,) = violations("no repeats", self.first, second)
        assert "item of a of page 1 was served again on page 2" in violation.description

    def test_an_item_that_is_twice_on_a_page_is_found(self) -> None:
        shown = Shown("a")
        page = operation("ama", "page", "for_you", 1.0, page=Page("s", (shown, shown)))
        assert len(violations("no repeats", page)) == 1

    def test_repeats_are_allowed_after_a_page_without_the_served_list(self) -> None:
        second = read("ama", 2.0, {"a": []}, session="s", cursor="2", next_cursor="3", lost_served=True)
        third = read("ama", 3.0, {"a": []}, session="s", cursor="3")
        assert violations("no repeats", self.first, second, third) == []

    def test_a_repeated_request_has_the_same_page(self) -> None:
        pages = [read("ama", at, {"c": []}, session="s", cursor="2") for at in (2.0, 3.0)]
        assert violations("same page", self.first, *pages) == []
        assert compared("same page", self.first, *pages) == 1
        other = read("ama", 4.0, {"d": []}, session="s", cursor="2")
        assert len(violations("same page", self.first, *pages, other)) == 1
        changed = operation("staff", "unpublish", "item of c", 3.5)
        assert violations("same page", self.first, *pages, other, changed) == []


class TestCounts:
    @pytest.mark.parametrize(("number", "found"), [(1, 1), (2, 0), (3, 1)])
    def test_without_faults_counts_are_exact(self, number: int, found: int) -> None:
        operations = (report("ama", 1.0, "e1", "e2"), report("ama", 2.0, "e1", "e2"), counted(number))
        assert len(violations("counts", *operations)) == found

    @pytest.mark.parametrize(("number", "found"), [(1, 1), (2, 0), (3, 0), (4, 1)])
    def test_events_of_unanswered_batches_may_be_counted(self, number: int, found: int) -> None:
        operations = (report("ama", 1.0, "e1", "e2"), report("ama", 2.0, "e3", status=0), counted(number))
        assert len(violations("counts", *operations)) == found

    @pytest.mark.parametrize(("number", "found"), [(0, 1), (1, 0), (2, 0), (3, 1)])
    def test_events_acknowledged_in_a_loss_window_may_be_lost(self, number: int, found: int) -> None:
        rolled_back = Fault("Redis rolled back", 10.0, 11.0, loses_since=9.0)
        operations = (report("ama", 1.0, "e1"), report("ama", 9.5, "e2"), counted(number))
        assert len(violations("counts", *operations, faults=[rolled_back])) == found

    @pytest.mark.parametrize(
        ("sent", "again", "found"),
        [(8.0, 12.0, 0), (-30.0, 12.0, 1), (8.0, 8.2, 1), (12.0, 13.0, 1)],
        ids=["its dedup key is lost", "its dedup key is older", "before the loss", "after the loss"],
    )
    def test_an_event_may_count_twice_if_its_dedup_key_was_lost(
        self, sent: float, again: float, found: int
    ) -> None:
        rolled_back = Fault("Redis rolled back", 10.0, 11.0, loses_since=9.0)
        operations = (report("ama", sent, "e1"), report("ama", again, "e1"), counted(2))
        assert len(violations("counts", *operations, faults=[rolled_back])) == found

    def test_an_event_acknowledged_again_after_the_loss_window_may_not_be_lost(self) -> None:
        rolled_back = Fault("Redis rolled back", 10.0, 11.0, loses_since=9.0)
        operations = (report("ama", 9.5, "e1"), report("ama", 12.0, "e1"), counted(0))
        assert len(violations("counts", *operations, faults=[rolled_back])) == 1


class TestAnswers:
    def page(self, status: int, problem: str = "") -> Operation:
        return operation("ama", "page", "for_you", 20.0, status=status, endpoint="GET /feed", problem=problem)

    def test_an_undocumented_answer_is_found(self) -> None:
        assert len(violations("documented answers", self.page(500, "500: Server Error"))) == 1
        assert violations("documented answers", self.page(503)) == []

    def test_a_request_without_an_answer_is_found_unless_a_web_process_was_killed(self) -> None:
        lost = self.page(0, "no response")
        assert len(violations("documented answers", lost)) == 1
        assert violations("documented answers", lost, faults=[Fault("web process killed", 19.0, 19.1)]) == []

    def test_a_failure_is_found_unless_a_fault_explains_it(self) -> None:
        assert len(violations("no failure without a fault", self.page(503))) == 1
        assert violations("no failure without a fault", self.page(429)) == []
        fault = Fault("Redis paused", 14.0, 15.0)
        assert violations("no failure without a fault", self.page(503), faults=[fault]) == []

    @pytest.mark.parametrize(("seconds", "found"), [(0.4, 1), (0.6, 0)])
    def test_a_failure_is_excused_if_the_servers_waited_for_processors(
        self, seconds: float, found: int
    ) -> None:
        history = make_history(self.page(503), self.page(200))
        history.stalls.append(Stall(19.5, 20.5, seconds))
        result = CHECKS["no failure without a fault"](history)
        assert (result.found, result.excused, result.compared) == (found, 1 - found, 1 + found)
