"""Properties of the mix, for all shares and pools."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed import mixing
from feed.feed_types import FOR_YOU
from feed.sources import TRENDING

SHARES = dict(FOR_YOU.shares)
FALLBACKS = dict(FOR_YOU.fallbacks)


def make_queues(sizes: Mapping[str, int]) -> dict[str, list[str]]:
    return {name: [f"{name}-{i}" for i in range(size)] for name, size in sizes.items()}


def mix(queues: dict[str, list[str]], *, start: int = 0, size: int = 200) -> list[tuple[str, str]]:
    return mixing.interleave(queues, shares=SHARES, fallbacks=FALLBACKS, start=start, size=size)


def assert_within_one(owners: list[str], shares: dict[str, int]) -> None:
    """Assert that no prefix deviates from the shares by more than one slot."""
    total = sum(shares.values())
    counts: Counter[str] = Counter()
    for length, owner in enumerate(owners, start=1):
        counts[owner] += 1
        for name, weight in shares.items():
            assert abs(counts[name] * total - weight * length) <= total, (length, dict(counts))


def test_every_prefix_is_within_one_of_its_shares() -> None:
    queues = make_queues({name: 300 * share for name, share in SHARES.items()})
    owners = [name for name, _ in mix(queues, size=200 * sum(SHARES.values()))]
    assert_within_one(owners, SHARES)
    assert Counter(owners) == {name: 200 * share for name, share in SHARES.items()}


def test_the_share_pattern_is_within_one_for_all_small_shares() -> None:
    for weights in product(range(13), repeat=3):
        if sum(weights):
            shares = dict(zip(("a", "b", "c"), weights, strict=True))
            pattern = mixing.share_pattern(tuple(shares.items()))
            assert Counter(pattern) == Counter({name: weight for name, weight in shares.items() if weight})
            assert_within_one(list(pattern), shares)


@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=8))
def test_chunks_of_any_size_continue_the_same_interleave(cuts: list[int]) -> None:
    whole = [name for name, _ in mix(make_queues(dict.fromkeys(SHARES, 3200)), size=sum(cuts))]
    pieces: list[str] = []
    queues = make_queues(dict.fromkeys(SHARES, 400))
    for size in cuts:
        pieces += [name for name, _ in mix(queues, start=len(pieces), size=size)]
    assert pieces == whole


@given(sizes=st.fixed_dictionaries({name: st.integers(0, 60) for name in SHARES}), start=st.integers(0, 30))
def test_fallbacks_take_the_slots_of_an_exhausted_source_and_nothing_is_lost(
    sizes: dict[str, int], start: int
) -> None:
    queues = make_queues(sizes)
    mixed = mix(queues, start=start, size=60 * len(SHARES))
    assert sorted(item for _, item in mixed) == sorted(i for queue in queues.values() for i in queue)
    for name, queue in queues.items():
        assert [item for owner, item in mixed if owner == name] == queue
    # While no source is exhausted, every prefix is within one slot of the shares.
    left = {name: len(queue) for name, queue in queues.items()}
    owners = []
    for owner, _ in mixed:
        if min(left.values()) == 0:
            break
        left[owner] -= 1
        owners.append(owner)
    if start == 0:
        assert_within_one(owners, SHARES)


@pytest.mark.parametrize(
    "empty", [names for number in range(len(SHARES)) for names in combinations(SHARES, number)]
)
def test_the_slots_of_empty_sources_go_to_their_fallbacks_in_order(empty: tuple[str, ...]) -> None:
    size = 10 * sum(SHARES.values())
    queues = make_queues({name: 0 if name in empty else size for name in SHARES})
    expected: Counter[str] = Counter()
    for owner, share in SHARES.items():
        taker = next(name for name in (owner, *FALLBACKS[owner]) if name not in empty)
        expected[taker] += 10 * share
    assert Counter(name for name, _ in mix(queues, size=size)) == expected


def test_the_fallbacks_that_a_source_names_come_first() -> None:
    for source in FOR_YOU.sources:
        named = tuple(name for name in source.fallbacks if name in SHARES)
        assert FALLBACKS[source.name][: len(named)] == named


def test_sources_that_name_no_fallbacks_are_fallbacks_of_each_other_in_their_order() -> None:
    sources = tuple(replace(TRENDING, name=name, fallbacks=()) for name in "abc")
    feed_type = replace(FOR_YOU, sources=(*sources, replace(TRENDING, fallbacks=("c", "friends"))))
    assert feed_type.fallbacks == {
        "a": ("b", "c", "trending"),
        "b": ("a", "c", "trending"),
        "c": ("a", "b", "trending"),
        "trending": ("c", "a", "b"),  # friends are no source of this feed type
    }
    queues = make_queues({"a": 40})
    mixed = mixing.interleave(
        queues, shares=feed_type.shares, fallbacks=feed_type.fallbacks, start=0, size=100
    )
    assert [item for _, item in mixed] == queues["a"]


@given(
    st.lists(st.text("abcdef0123456789", min_size=1, max_size=8), unique=True, max_size=80),
    st.text(max_size=8),
)
def test_the_shuffle_stays_within_tiers_and_does_not_depend_on_other_candidates(
    ids: list[str], seed: str
) -> None:
    shuffled = mixing.shuffle_tiers(ids, seed=seed, tier=20)
    for begin in range(0, len(ids), 20):
        assert sorted(shuffled[begin : begin + 20]) == sorted(ids[begin : begin + 20])
    head = ids[:20]
    without_last = mixing.shuffle_tiers(head[:-1], seed=seed, tier=20)
    assert without_last == [i for i in mixing.shuffle_tiers(head, seed=seed, tier=20) if i in head[:-1]]


def test_shuffle_keys_are_the_same_on_every_machine() -> None:
    # Computed once with hashlib. Another value would reorder the plans of running sessions.
    assert mixing.shuffle_key("s3ss10n:0", "the-matrix-1999").hex() == "0256e1a7addb5146"
    assert mixing.shuffle_tiers(list("abcdefgh"), seed="s3ss10n:0", tier=20) == list("feagbdch")


TitlesAndGenres = dict[str, tuple[str, str | None]]


@st.composite
def arranged(draw: st.DrawFn) -> tuple[list[tuple[str, str]], TitlesAndGenres]:
    size = draw(st.integers(0, 60))
    titles_and_genres: TitlesAndGenres = {}
    slots = []
    for number in range(size):
        item = f"i{number}"
        titles_and_genres[item] = (
            f"t{draw(st.integers(0, 12))}",
            draw(st.sampled_from(["drama", "comedy", "war", None])),
        )
        slots.append((draw(st.sampled_from(list(SHARES))), item))
    return slots, titles_and_genres


def diversify(slots: list[tuple[str, str]], titles_and_genres: TitlesAndGenres) -> list[tuple[str, str]]:
    return mixing.diversify(
        slots,
        titles_and_genres=titles_and_genres,
        preceding=(),
        window=5,
        max_per_genre=3,
        max_displacement=20,
    )


@given(arranged())
def test_diversity_moves_items_only_within_their_source(
    slots_and_titles: tuple[list[tuple[str, str]], TitlesAndGenres],
) -> None:
    slots, titles_and_genres = slots_and_titles
    diversified = mixing.diversify(
        slots,
        titles_and_genres=titles_and_genres,
        preceding=(),
        window=5,
        max_per_genre=3,
        max_displacement=20,
    )
    assert [source for source, _ in diversified] == [source for source, _ in slots]
    assert sorted(diversified) == sorted(slots)


def test_neighbours_of_one_title_are_separated_and_runs_of_a_genre_broken() -> None:
    titles_and_genres: TitlesAndGenres = {f"a{i}": ("title-a", "drama") for i in range(3)}
    titles_and_genres |= {f"b{i}": (f"title-b{i}", "drama") for i in range(3)}
    titles_and_genres |= {f"c{i}": (f"title-c{i}", "comedy") for i in range(4)}
    slots = [("trending", item) for item in titles_and_genres]
    diversified = [
        titles_and_genres[item]
        for _, item in mixing.diversify(
            slots,
            titles_and_genres=titles_and_genres,
            preceding=(),
            window=5,
            max_per_genre=3,
            max_displacement=20,
        )
    ]
    assert all(left[0] != right[0] for left, right in pairwise(diversified))
    for begin in range(len(diversified) - 6):
        genres = [genre for _, genre in diversified[begin : begin + 5]]
        assert max(Counter(genres).values()) <= 3


def test_diversity_includes_the_slots_before_the_chunk() -> None:
    titles_and_genres: TitlesAndGenres = {"x": ("same", "drama"), "y": ("other", "drama")}
    diversified = mixing.diversify(
        [("trending", "x"), ("trending", "y")],
        titles_and_genres=titles_and_genres,
        preceding=(("same", "war"),),
        window=5,
        max_per_genre=3,
        max_displacement=20,
    )
    assert [item for _, item in diversified] == ["y", "x"]
