"""Search by words, on the database that the tests run with."""

from typing import Any

import orjson
import pytest
from django.db import connection
from rest_framework.test import APIClient

from content.models import Item
from content.search import sqlite
from content.search.words import split_words
from content.services import items, search
from content.tests.factories import ItemFactory
from core.auth.tokens import Viewer
from core.redis.client import count_round_trips

pytestmark = pytest.mark.django_db

WORLD = (
    ("matrix", "The Matrix", {"popularity": 80.0, "release_date": "1999-03-31", "tmdb_id": 603}),
    ("matrix-2", "The Matrix Reloaded", {"popularity": 60.0, "release_date": "2003-05-15"}),
    ("dune-84", "Dune", {"popularity": 30.0, "release_date": "1984-12-14"}),
    ("dune-21", "Dune", {"popularity": 90.0, "release_date": "2021-09-15"}),
    ("spider", "Spider-Man: No Way Home", {"popularity": 70.0}),
    ("amelie", "Le Fabuleux Destin d'Amélie Poulain", {"popularity": 20.0}),
    ("schindler", "Schindler\u2019s List", {"popularity": 40.0}),
    ("dark", "Dark", {"media_type": "tv", "popularity": 50.0}),
    ("knight", "The Dark Knight", {"popularity": 75.0}),
    ("robot", "Mr.Robot", {"media_type": "tv"}),
    (
        "essay",
        "A Film about Films",
        {"overview": "An essay on the matrix of cinema, and on what it means to be dark."},
    ),
    ("it", "It", {"popularity": 35.0, "release_date": None, "release_year": 2017}),
)


@pytest.fixture
def world() -> None:
    for item_id, title, options in WORLD:
        ItemFactory.create(id=item_id, title=title, **options)


@pytest.fixture
def client() -> APIClient:
    client = APIClient()
    client.force_authenticate(Viewer(uid="ama"))  # type: ignore[arg-type]
    return client


def search_ids(text: str, **options: Any) -> list[str]:
    return [orjson.loads(card)["id"] for card in search.search_cards(text, **options)]


@pytest.mark.usefixtures("world")
class TestMatches:
    def test_titles_come_before_longer_titles_and_those_before_overviews(self) -> None:
        assert search_ids("matrix") == ["matrix", "matrix-2", "essay"]

    def test_an_exact_title_comes_before_a_more_popular_item(self) -> None:
        assert search_ids("dark")[:2] == ["dark", "knight"]

    def test_the_more_popular_of_two_films_with_the_same_title_comes_first(self) -> None:
        assert search_ids("dune") == ["dune-21", "dune-84"]

    def test_the_year_is_a_word(self) -> None:
        assert search_ids("dune 1984") == ["dune-84"]
        assert search_ids("it 2017") == ["it"]

    def test_the_content_type_is_a_word(self) -> None:
        assert search_ids("matrix reloaded trailer") == ["matrix-2"]

    def test_the_last_word_may_be_a_prefix(self) -> None:
        assert search_ids("the matr")[:2] == ["matrix", "matrix-2"]

    def test_accents_case_hyphens_and_apostrophes_are_ignored(self) -> None:
        assert search_ids("AMELIE") == ["amelie"]
        assert search_ids("destin d'Amélie") == ["amelie"]
        assert search_ids("spider man") == ["spider"]
        assert search_ids("spider-man") == ["spider"]
        assert search_ids("schindlers list") == ["schindler"]
        assert search_ids("Schindler's") == ["schindler"]
        assert search_ids("mr robot") == ["robot"]

    def test_stop_words_are_words(self) -> None:
        assert search_ids("it")[0] == "it"

    def test_similar_titles_are_found_if_no_item_matches(self) -> None:
        assert search_ids("matrx")[0] == "matrix"
        assert search_ids("schindlrs lits") == ["schindler"]

    def test_nonsense_finds_nothing(self) -> None:
        assert search_ids("zzxqy wvu") == []

    def test_the_media_type_restricts_the_results(self) -> None:
        assert search_ids("dark", media_type="tv") == ["dark"]
        assert "dark" not in search_ids("dark", media_type="movie")

    def test_the_limit_restricts_the_results(self) -> None:
        assert search_ids("matrix", limit=1) == ["matrix"]


@pytest.mark.usefixtures("world")
class TestChangedItems:
    def test_an_unpublished_item_is_not_found(self) -> None:
        item = Item.objects.get(id="dune-84")
        items.set_status(["dune-84"], Item.Status.DRAFT, now=item.updated_at)
        assert search_ids("dune") == ["dune-21"]

    def test_a_hidden_item_is_found(self) -> None:
        item = Item.objects.get(id="robot")
        item.hidden = True
        item.save()
        assert search_ids("robot") == ["robot"]

    def test_a_changed_title_is_found_by_its_new_words_only(self) -> None:
        Item.objects.filter(id="it").update(title="Arrival")
        assert search_ids("arrival") == ["it"]
        assert "it" not in search_ids("it")

    def test_a_deleted_item_is_not_found(self) -> None:
        Item.objects.filter(id="dark").delete()
        assert search_ids("dark") == ["knight", "essay"]

    def test_items_that_were_created_in_bulk_are_found(self) -> None:
        rows = [
            Item(id=f"b{n}", title=f"Batch {n}", tmdb_id=n + 1, title_key=f"item:b{n}", status="draft")
            for n in range(3)
        ]
        Item.objects.bulk_create(rows)
        items.set_status(["b1"], Item.Status.PUBLISHED, now=Item.objects.get(id="b1").updated_at)
        assert search_ids("batch") == ["b1"]


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite needs triggers")
class TestOnSqlite:
    def test_missing_triggers_are_created_again_and_the_tables_filled(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER search_item_added")
        ItemFactory.create(id="late", title="Latecomer")
        assert search_ids("latecomer") == []
        assert sqlite.ensure_search_tables(connection)
        assert search_ids("latecomer") == ["late"]
        assert not sqlite.ensure_search_tables(connection)

    @pytest.mark.django_db(transaction=True)
    def test_vacuum_does_not_change_the_results(self) -> None:
        for n in range(5):
            ItemFactory.create(id=f"v{n}", title=f"Number{n}")
        Item.objects.filter(id="v1").delete()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
        Item.objects.filter(id="v3").update(title="Changed")
        assert search_ids("number4") == ["v4"]
        assert search_ids("changed") == ["v3"]


class TestWords:
    def test_only_letters_and_digits_reach_the_database(self) -> None:
        assert split_words("""a"b' OR* (c):d^2 -e NEAR/3 \x00 f|g & !h""") == [
            "a", "b", "OR", "c", "d", "2", "e", "NEAR", "3", "f", "g", "h",
        ]  # fmt: skip

    def test_punctuation_and_symbols_are_not_words(self) -> None:
        assert split_words("🎬️ * \u0301 ?!") == []


@pytest.mark.usefixtures("world")
class TestOverHttp:
    def test_the_response_is_a_list_of_items_with_their_source(self, client: APIClient) -> None:
        response = client.get("/api/v1/search?q=++the+matrix++&limit=1")
        assert response.status_code == 200
        (item,) = orjson.loads(response.content)
        assert (item["id"], item["source"], item["contentType"]) == ("matrix", "search", "trailer")
        assert (item["tmdbId"], item["genres"], item["releaseDate"]) == (603, ["Drama"], "1999-03-31")

    @pytest.mark.parametrize(
        "query",
        [{}, {"q": ""}, {"q": " a "}, {"q": "a" * 101}, {"q": "dune", "limit": 0}, {"q": "dune", "limit": 51},
         {"q": "dune", "limit": "many"}, {"q": "dune", "type": "book"}],
    )  # fmt: skip
    def test_an_invalid_query_gets_a_400(self, client: APIClient, query: dict[str, Any]) -> None:
        response = client.get("/api/v1/search", query)
        assert response.status_code == 400
        assert orjson.loads(response.content)["error"] is True

    @pytest.mark.parametrize(
        "text",
        ['""', "**", "🎬🎬", "a*b", "x" * 100, "' OR 1=1 --", "NEAR(a b)", "title:dune", "AND", "NOT it",
         "((", "\\\\", "%%", "a:*", "!!dune", "dune & ", "<->", "é" * 100, "\u202e\u0301\u0301", "木木",
         "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 a b c d e f g h"],
    )  # fmt: skip
    def test_any_text_gets_a_list(self, client: APIClient, text: str) -> None:
        response = client.get("/api/v1/search", {"q": text})
        assert response.status_code == 200
        assert isinstance(orjson.loads(response.content), list)

    def test_a_nul_character_gets_a_400(self, client: APIClient) -> None:
        assert client.get("/api/v1/search", {"q": "du\x00ne"}).status_code == 400

    def test_a_request_without_token_gets_a_401(self) -> None:
        assert APIClient().get("/api/v1/search", {"q": "dune"}).status_code == 401

    def test_a_search_costs_one_query_and_one_read_of_cards(
        self, client: APIClient, django_assert_num_queries: Any
    ) -> None:
        client.get("/api/v1/search", {"q": "dune"})
        # SQL: the ids. Redis: the throttle, one MGET of the cards.
        with django_assert_num_queries(1), count_round_trips() as round_trips:
            client.get("/api/v1/search", {"q": "dune"})
        assert round_trips == ["pipeline of 2", "MGET"]

    def test_a_search_for_similar_titles_costs_a_second_query(
        self, client: APIClient, django_assert_num_queries: Any
    ) -> None:
        client.get("/api/v1/search", {"q": "matrx"})
        # SQL: the words, then the spelling. Redis: the throttle, one MGET.
        with django_assert_num_queries(2), count_round_trips() as round_trips:
            client.get("/api/v1/search", {"q": "matrx"})
        assert round_trips == ["pipeline of 2", "MGET"]
