"""Test stored numbers and the parsing of entry ids."""

import pytest

from analytics.types import EVENT_KINDS, KIND_RANKS, Event, parse_entry_id


def test_the_rank_of_a_kind_is_stored_and_never_changes() -> None:
    """Dedup keys in Redis hold these numbers. A new kind gets a number of its own; existing ones stay."""
    assert KIND_RANKS == {"view": 0, "skip": 10, "complete": 20, "save": 30, "like": 40, "share": 50}
    assert EVENT_KINDS == ("view", "skip", "complete", "save", "like", "share")


def test_entry_ids_are_compared_as_numbers() -> None:
    assert parse_entry_id("1795000000123-7") == (1_795_000_000_123, 7)
    assert max("9-0", "10-0", "10-2", "10-10", key=parse_entry_id) == "10-10"


def test_an_invalid_entry_id_raises() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_entry_id("newest")


def test_the_entry_id_of_an_event_says_when_it_arrived() -> None:
    event = Event("1795000000999-3", "ama", "heat", "view", 1_794_000_000, None, b"")
    assert event.arrived_at == 1_795_000_000
