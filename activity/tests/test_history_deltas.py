"""History deltas: what the events of one batch add to a viewer's history."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activity.rules import affinities
from activity.rules import history as history_rules
from activity.rules.events import EVENT_AFFINITY_WEIGHTS, fold_events, select_relevant_events
from activity.rules.person import Person
from activity.types import HistoryDelta
from analytics.types import EVENT_KINDS, Event
from content.types import Facts
from core.units import DAY

NOW = 1_795_000_000
ITEMS = [f"film-{n}" for n in range(6)]
FACTS = {
    item: Facts(
        item, f"movie:{n}", ("drama", "comedy", "horror", "war")[n % 3 :], 1.0, 5.0, 9, None, 0, 0, False
    )
    for n, item in enumerate(ITEMS[:5])
}  # the last one is not published
NEW_PERSON = Person("ama")


def event(
    item: str,
    kind: Any = "view",
    *,
    at: int = NOW,
    watched: int | None = 5,
    place: int = 1,
    arrived: int = NOW,
) -> Event:
    return Event(f"{arrived}000-{place}", "ama", item, kind, at, watched, b"")


def fold_delta(events: list[Event], *, end_id: str = "1-0") -> HistoryDelta:
    return fold_events(select_relevant_events(events), FACTS, stream="s", end_id=end_id).get(
        "ama", HistoryDelta("s", end_id)
    )


class TestFoldEvents:
    def test_views_of_two_seconds_completions_and_skips_are_seen(self) -> None:
        events = [
            event("film-0", watched=2),
            event("film-1", watched=1),
            event("film-2", watched=None),
            event("film-3", "complete", watched=None),
            event("film-4", "skip", watched=0),
            event("film-5"),
            *(event("film-2", kind) for kind in ("save", "like", "share")),
        ]
        assert set(fold_delta(events).seen) == {"film-0", "film-3", "film-4", "film-5"}

    @pytest.mark.parametrize(("kind", "amount"), EVENT_AFFINITY_WEIGHTS.items())
    def test_each_event_kind_adds_its_weight_mostly_to_the_first_genre(
        self, kind: Any, amount: float
    ) -> None:
        gained = affinities.get_affinities(
            {"drama": 3.0, "comedy": 3.0, "horror": 3.0},
            fold_delta([event("film-0", kind)]).affinity_sums,
            NOW,
        )
        parts = {"drama": amount, "comedy": amount / 2, "horror": amount * 0.33}
        assert gained == {genre: round((3 + part) / (6 + part), 4) for genre, part in parts.items()}
        assert set(EVENT_AFFINITY_WEIGHTS) == set(EVENT_KINDS)

    def test_a_skip_records_its_title_and_an_unpublished_item_adds_no_affinity(self) -> None:
        both = fold_delta([event("film-1", "skip"), event("film-5", "skip")])
        assert both.skipped == {"movie:1": NOW}
        assert both.seen.keys() == {"film-1", "film-5"}
        assert fold_delta([event("film-5", "skip")]).affinity_sums == {}
        assert fold_delta([event("film-5", "like")]) == HistoryDelta("s", "1-0")

    def test_event_times_are_limited_to_the_time_of_arrival(self) -> None:
        late = fold_delta([event("film-0", "skip", at=NOW + 400 * 365 * DAY, arrived=NOW)])
        assert (late.seen, late.skipped, late.affinity_at) == ({"film-0": NOW}, {"movie:0": NOW}, NOW)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.builds(
                event,
                st.sampled_from(ITEMS),
                st.sampled_from(EVENT_KINDS),
                at=st.integers(NOW - 29 * DAY, NOW),
                watched=st.sampled_from([None, 0, 2, 60]),
            ),
            max_size=30,
        ),
        st.randoms(use_true_random=False),
    )
    def test_the_result_does_not_depend_on_splits_order_or_repeats(
        self, events: list[Event], rng: random.Random
    ) -> None:
        whole = history_rules.apply_deltas(NEW_PERSON, [fold_delta(events)])
        shuffled = rng.sample(events, len(events))
        cuts = sorted(rng.choices(range(len(events) + 1), k=3))
        pieces = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)]
        deltas = [fold_delta(piece, end_id=f"{n}-0") for n, piece in enumerate(pieces, start=9)]
        state, seen = NEW_PERSON, dict[str, int]()
        for flushed in _repeated(deltas, rng):
            new = history_rules.select_unapplied(flushed, state.stream_positions)
            state = history_rules.apply_deltas(state, new)
            seen = history_rules.merge_seen((seen, *(delta.seen for delta in new)))
        assert seen == history_rules.merge_seen([fold_delta(events).seen])
        assert (state.skipped, state.event_affinity_at) == (whole.skipped, whole.event_affinity_at)
        assert state.event_affinity_sums == pytest.approx(whole.event_affinity_sums, rel=1e-9, abs=1e-12)
        assert _affinities(state) == pytest.approx(_affinities(whole), abs=1e-4)


def _repeated(deltas: list[HistoryDelta], rng: random.Random) -> Iterator[list[HistoryDelta]]:
    """Yield batches of deltas as flushes write them: in order, one to three new ones, some after repeated ones."""
    done = 0
    while done < len(deltas):
        following = min(done + rng.randint(1, 3), len(deltas))
        for _ in range(rng.randint(1, 2)):
            again = deltas[max(0, done - rng.randint(0, 2)) : following]
            yield rng.sample(again, len(again))
        done = following


def _affinities(state: Person) -> dict[str, float]:
    return affinities.get_affinities(
        {"drama": 1.0, "comedy": 2.0}, state.event_affinity_sums, state.event_affinity_at
    )
