"""Tests that find mistakes in the files of the demo world, which are written by hand."""

import re
from collections import Counter
from datetime import date
from functools import cache

import pytest

from finishd.demo import world

FILM_GENRES = {
    "Action", "Adventure", "Animation", "Comedy", "Crime", "Documentary", "Drama", "Family", "Fantasy",
    "History", "Horror", "Music", "Mystery", "Romance", "Science Fiction", "TV Movie", "Thriller", "War",
    "Western",
}  # fmt: skip
SERIES_GENRES = {
    "Action & Adventure", "Animation", "Comedy", "Crime", "Documentary", "Drama", "Family", "Kids", "Mystery",
    "News", "Reality", "Sci-Fi & Fantasy", "Soap", "Talk", "War & Politics", "Western",
}  # fmt: skip

titles = cache(world.titles)
people = cache(world.people)


def get_year(title: world.DemoTitle) -> int:
    return date.fromisoformat(title["releaseDate"]).year if "releaseDate" in title else title["year"]


def get_repeated(values: list[object]) -> list[object]:
    return [value for value, times in Counter(values).items() if times > 1]


def test_every_decade_has_enough_films_and_series() -> None:
    films = [title for title in titles() if title["mediaType"] == "movie"]
    assert len(films) >= 250
    assert len(titles()) - len(films) >= 80
    assert {get_year(title) // 10 * 10 for title in titles()} >= set(range(1930, 2030, 10))


def test_item_ids_are_unique_and_fit_the_column() -> None:
    extras = [extra for title in titles() for extra in title.get("extras", [])]
    ids = [title["id"] for title in titles()] + [extra["id"] for extra in extras]
    assert get_repeated([*ids]) == []
    assert [item for item in ids if len(item) > 64 or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", item)] == []


def test_title_keys_are_unique() -> None:
    keys = [(title["mediaType"], title["tmdbId"]) for title in titles() if "tmdbId" in title]
    assert get_repeated([*keys]) == []
    assert min(tmdb_id for _, tmdb_id in keys) > 0


def test_every_title_has_one_date_and_its_slug_ends_in_that_year() -> None:
    for title in titles():
        assert ("releaseDate" in title) != ("year" in title), title["id"]
        assert 1930 <= get_year(title) <= 2024, title["id"]
        assert title["id"].endswith(f"-{get_year(title)}"), title["id"]


@pytest.mark.parametrize(("media_type", "tmdb_genres"), [("movie", FILM_GENRES), ("tv", SERIES_GENRES)])
def test_genres_exist_at_tmdb_for_the_media_type(media_type: str, tmdb_genres: set[str]) -> None:
    for title in titles():
        if title["mediaType"] == media_type:
            assert title["genres"], title["id"]
            assert set(title["genres"]) <= tmdb_genres, title["id"]
            assert len(title["genres"]) == len(set(title["genres"])), title["id"]


def test_overviews_are_one_short_sentence_and_numbers_are_in_range() -> None:
    for title in titles():
        assert 60 <= len(title["overview"]) <= 140, title["id"]
        assert title["overview"].endswith("."), title["id"]
        assert 0 < title["voteAverage"] <= 10, title["id"]
        assert title["voteCount"] > 0, title["id"]
        assert 1 <= title["popularity"] <= 100, title["id"]


def test_some_titles_have_several_items() -> None:
    titles_with_extras = [title for title in titles() if "extras" in title]
    assert len(titles_with_extras) >= 25
    kinds = {extra["contentType"] for title in titles_with_extras for extra in title["extras"]}
    assert kinds == {"clip", "teaser", "bts", "featurette", "interview", "short", "image"}
    for title in titles_with_extras:
        assert 1 <= len(title["extras"]) <= 3
        assert all(
            extra["id"].startswith(f"{title['id']}-{extra['contentType']}-") for extra in title["extras"]
        )


def test_people_follow_people_who_exist_and_never_themselves() -> None:
    uids = [person["uid"] for person in people()]
    assert get_repeated([*uids]) == []
    assert len(uids) >= 12
    for person in people():
        assert set(person["follows"]) <= set(uids) - {person["uid"]}, person["uid"]
        assert get_repeated([*person["follows"]]) == [], person["uid"]
        assert set(person["genres"]) <= FILM_GENRES | SERIES_GENRES, person["uid"]


def test_activities_name_existing_titles_once_and_are_not_empty() -> None:
    # A relation needs a title with a TMDB id.
    slugs = {title["id"] for title in titles() if "tmdbId" in title}
    for person in people():
        activities = person["activities"]
        assert {activity["title"] for activity in activities} <= slugs, person["uid"]
        assert get_repeated([activity["title"] for activity in activities]) == [], person["uid"]
        assert [a["daysAgo"] for a in activities] == sorted(a["daysAgo"] for a in activities), person["uid"]
        for activity in activities:
            assert activity.keys() & {"status", "isFavorite", "rating"}, (person["uid"], activity["title"])
            assert activity.get("status", "watching") in {"watching", "watchlist", "finished"}
            assert activity.get("rating", 1) in range(1, 6)
            assert 0 <= activity["daysAgo"] <= 60


def test_ama_has_everything_elif_has_no_friends_and_the_newcomer_has_nothing() -> None:
    by_uid = {person["uid"]: person for person in people()}
    ama, elif_, newcomer = by_uid["ama"], by_uid["elif"], by_uid["newcomer"]
    assert ama["genres"] == ["Science Fiction", "Thriller", "Drama"]
    assert len(ama["follows"]) == 6
    assert len(elif_["genres"]) > 0
    assert elif_["follows"] == []
    assert (newcomer["genres"], newcomer["follows"], newcomer["activities"]) == ([], [], [])


def test_followees_of_ama_have_activities_on_titles_she_has_not_finished() -> None:
    by_uid = {person["uid"]: person for person in people()}
    finished = {a["title"] for a in by_uid["ama"]["activities"] if a.get("status") == "finished"}
    followee_titles = {a["title"] for uid in by_uid["ama"]["follows"] for a in by_uid[uid]["activities"]}
    assert len(followee_titles - finished) >= 50
