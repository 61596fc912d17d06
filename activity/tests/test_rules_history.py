"""The rules that add up what titles and events contribute to a person."""

import pytest

from activity.rules import affinities, history
from activity.rules.affinities import DECAY_EPOCH, HALF_LIFE_SECONDS
from activity.rules.person import Person
from activity.types import MAX_SEEN_ITEMS, MAX_SKIPPED_TITLES, SKIPPED_TTL, HistoryDelta

NOW = 1_795_000_000
AMA = Person("ama", version=7, choice_version=2)


def delta(end_id: str, *, stream: str = "s", at: int = DECAY_EPOCH) -> HistoryDelta:
    return HistoryDelta(stream, end_id, {"film-1": at}, {"drama": 1.0}, at, {"movie:1": at})


class TestAffinities:
    def test_the_first_genre_gets_the_most(self) -> None:
        parts = affinities.split_by_genre(["drama", "comedy", "horror", "war"], 2.0)
        assert parts == {"drama": 2.0, "comedy": 1.0, "horror": 0.66}

    def test_the_gain_of_several_titles_is_their_sum(self) -> None:
        gain = affinities.get_gain([["drama", "comedy", "war"], ["comedy"]], weight=0.5)
        assert gain == {"drama": 0.5, "comedy": 0.75, "war": 0.165}

    def test_the_scale_doubles_with_every_half_life(self) -> None:
        assert affinities.decay_scale(DECAY_EPOCH) == 1.0
        assert affinities.decay_scale(DECAY_EPOCH + HALF_LIFE_SECONDS) == 2.0
        assert affinities.decay_scale(DECAY_EPOCH - HALF_LIFE_SECONDS) == 0.5

    def test_an_affinity_saturates(self) -> None:
        found = affinities.get_affinities({"drama": 3.0, "comedy": 300.0, "war": 0.0}, {}, 0)
        assert found == {"comedy": 0.9901, "drama": 0.5}

    def test_what_events_contributed_decays_until_the_newest_event(self) -> None:
        later = DECAY_EPOCH + HALF_LIFE_SECONDS
        assert affinities.get_affinities({}, {"drama": 3.0}, DECAY_EPOCH) == {"drama": 0.5}
        assert affinities.get_affinities({}, {"drama": 3.0}, later) == {"drama": 0.3333}

    def test_dislike_does_not_go_below_zero(self) -> None:
        found = affinities.get_affinities(
            {"drama": 4.0, "horror": 1.0}, {"drama": -1.0, "horror": -5.0}, DECAY_EPOCH
        )
        assert found == {"drama": 0.5}

    def test_a_replaced_gain_leaves_no_remainder(self) -> None:
        sums = affinities.replace_gain({"drama": 0.3, "comedy": 1.0}, old={"drama": 0.3}, new={"comedy": 0.5})
        assert sums == {"comedy": 1.5}
        assert affinities.replace_gain({}, old={"drama": 1.0}, new={}) == {}


class TestDeltas:
    def test_a_delta_is_applied_once(self) -> None:
        positions = {"s": "9-0"}
        deltas = [delta("9-0"), delta("10-0"), delta("10-0"), delta("1-0", stream="other")]
        assert history.select_unapplied(deltas, positions) == [delta("10-0"), delta("1-0", stream="other")]

    def test_entry_ids_compare_as_numbers(self) -> None:
        assert history.select_unapplied([delta("9-5")], {"s": "10-0"}) == []
        assert history.merge_positions({"s": "9-5"}, [delta("10-0"), delta("9-9")]) == {"s": "10-0"}

    def test_positions_of_the_newest_streams_stay(self) -> None:
        positions = {f"s{n}": f"{n}-0" for n in range(history.MAX_STREAM_POSITIONS)}
        merged = history.merge_positions(positions, [delta("99-0", stream="new")])
        assert len(merged) == history.MAX_STREAM_POSITIONS
        assert "s0" not in merged
        assert merged["new"] == "99-0"

    def test_applied_deltas_are_no_choice(self) -> None:
        person, seen = history.apply_history(
            AMA, {"film-0": 5}, [delta("1-0"), delta("2-0", at=DECAY_EPOCH + 9)]
        )
        assert seen == {"film-1": DECAY_EPOCH + 9, "film-0": 5}
        assert person.event_affinity_sums == {"drama": 2.0}
        assert person.event_affinity_at == DECAY_EPOCH + 9
        assert person.skipped == {"movie:1": DECAY_EPOCH + 9}
        assert person.stream_positions == {"s": "2-0"}
        assert (person.version, person.choice_version) == (8, 2)

    def test_the_order_of_deltas_does_not_matter(self) -> None:
        deltas = [delta(f"{n}-0", at=NOW + n) for n in range(5)]
        forward, backward = (history.apply_deltas(AMA, each) for each in (deltas, deltas[::-1]))
        assert forward.event_affinity_sums == pytest.approx(dict(backward.event_affinity_sums))
        assert (forward.skipped, forward.stream_positions) == (backward.skipped, backward.stream_positions)


class TestLimits:
    def test_the_newest_seen_items_stay_newest_first(self) -> None:
        seen = history.merge_seen(
            [{f"i{n}": n for n in range(MAX_SEEN_ITEMS)}, {"new": MAX_SEEN_ITEMS, "i1": 0}]
        )
        assert len(seen) == MAX_SEEN_ITEMS
        assert list(seen)[:2] == ["new", f"i{MAX_SEEN_ITEMS - 1}"]
        assert "i0" not in seen
        assert seen["i1"] == 1

    def test_skipped_titles_are_limited_in_number_and_age(self) -> None:
        skipped = history.merge_skipped([{f"movie:{n}": NOW + n for n in range(MAX_SKIPPED_TITLES + 5)}])
        assert (len(skipped), min(skipped.values())) == (MAX_SKIPPED_TITLES, NOW + 5)
        assert history.merge_skipped([{"old": NOW, "new": NOW + SKIPPED_TTL}]) == {"new": NOW + SKIPPED_TTL}
        assert history.merge_skipped([]) == {}
