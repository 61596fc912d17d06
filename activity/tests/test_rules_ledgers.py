"""Ledgers: what a follower batch changes, and what their cursor says."""

from dataclasses import replace

from activity.rules import ledgers
from activity.types import Ledger

STARTED = Ledger(follower_count=4, started_at=10.0, updated_at=10.0)


def test_a_batch_moves_the_cursor_and_the_last_one_clears_it() -> None:
    first = ledgers.add_batch(STARTED, ["ama", "kofi"], is_last=False, now=11.0)
    assert (first.cursor, first.delivered_count, first.updated_at) == ("kofi", 2, 11.0)
    last = ledgers.add_batch(first, ["mei"], is_last=True, now=12.0)
    assert last == replace(first, cursor="", delivered_count=3, updated_at=12.0)


def test_an_empty_last_batch_clears_the_cursor_and_keeps_the_count() -> None:
    first = ledgers.add_batch(STARTED, ["ama", "kofi"], is_last=False, now=11.0)
    last = ledgers.add_batch(first, [], is_last=True, now=12.0)
    assert (last.cursor, last.delivered_count) == ("", 2)


def test_a_delivery_that_starts_again_counts_from_zero() -> None:
    first = ledgers.add_batch(STARTED, ["ama", "kofi"], is_last=False, now=11.0)
    again = ledgers.add_batch(replace(first, cursor=""), ["ama"], is_last=False, now=12.0)
    assert again.delivered_count == 1


def test_only_a_started_ledger_without_a_cursor_needs_its_job() -> None:
    assert not ledgers.is_started_without_cursor(Ledger())
    assert not ledgers.is_started_without_cursor(replace(STARTED, cursor="ama"))
    assert ledgers.is_started_without_cursor(STARTED)
