"""Search for titles: spellings, genres, and one item for each title, on the database that the tests run with."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from content import search
from content.models import Item
from content.search import Query
from content.services.search import search_cards
from content.tests.factories import ItemFactory
from finishd.testing.api import get_client

pytestmark = pytest.mark.django_db


def find(text: str, *, limit: int = 20, **options: Any) -> list[str]:
    return search.find_ids(Query(text, **options), limit=limit)


class TestSpellings:
    @pytest.fixture(autouse=True)
    def _films(self) -> None:
        films = {
            "walle": "WALL\N{MIDDLE DOT}E",
            "et": "E.T. the Extra-Terrestrial",
            "eternals": "Eternals",
            "et-alii": "Etherea",
            "spider": "Spider-Man: No Way Home",
            "spiderman": "Spiderman in Istanbul",
            "mash": "M*A*S*H",
            "face": "Face/Off",
            "walls": "The Walls",
        }
        for item_id, title in films.items():
            ItemFactory.create(id=item_id, title=title, popularity=90.0 if item_id == "eternals" else 1.0)

    @pytest.mark.parametrize(
        ("texts", "first"),
        [
            (["walle", "WALL-E", "wall e", "wall·e", "wall"], "walle"),
            (["ET", "E.T.", "e.t", "et extra terrestrial", "extraterrestrial", "extra-terr"], "et"),
            (["mash", "m*a*s*h", "M.A.S.H."], "mash"),
            (["faceoff", "face off", "face/o"], "face"),
            (["spider-man: no", "spiderman no way", "Spider Man Home"], "spider"),
        ],
    )
    def test_punctuation_may_be_left_out_or_separate_words(self, texts: list[str], first: str) -> None:
        assert {text: find(text)[0] for text in texts} == dict.fromkeys(texts, first)

    @pytest.mark.parametrize("text", ["spider-man", "spiderman", "Spider.Man"])
    def test_both_spellings_of_a_name_are_found(self, text: str) -> None:
        assert set(find(text)) == {"spider", "spiderman"}

    def test_a_prefix_is_found_after_whole_words(self) -> None:
        assert find("et") == ["et", "eternals", "et-alii"]


class TestGenres:
    @pytest.fixture(autouse=True)
    def _films(self) -> None:
        for n in range(6):
            ItemFactory.create(
                id=f"sf-{n}", title=f"Orbit {n}", genres=["science-fiction"], popularity=10.0 + n
            )
        ItemFactory.create(id="book", title="Sci-Fi Nights", genres=["documentary"], popularity=1.0)

    @pytest.mark.parametrize("text", ["sci-fi", "SciFi", "sci fi"])
    def test_matches_alternate_with_the_most_popular_items_of_the_genre(self, text: str) -> None:
        assert find(text, limit=4) == ["book", "sf-5", "sf-4", "sf-3"]

    @pytest.mark.parametrize("text", ["science fiction", "878"])
    def test_every_spelling_of_the_genre_finds_its_items(self, text: str) -> None:
        assert ("sf-5" in find(text)) is (text != "878")  # an id is no spelling

    def test_the_media_type_and_the_status_restrict_the_items_of_a_genre(self) -> None:
        Item.objects.filter(id="sf-5").update(status=Item.Status.ARCHIVED)
        Item.objects.filter(id="sf-4").update(media_type="tv")
        assert find("science fiction", media_type="movie") == ["sf-3", "sf-2", "sf-1", "sf-0"]


class TestOneItemPerTitle:
    @pytest.fixture(autouse=True)
    def _items(self) -> None:
        def create(item_id: str, day: int, **options: Any) -> None:
            published = datetime(2026, 1, day, tzinfo=UTC)
            ItemFactory.create(id=item_id, title="Arrival", tmdb_id=7, published_at=published, **options)

        create("clip", 5, content_type="clip", youtube_key="c")
        create("trailer", 1, content_type="trailer", youtube_key="t1")
        create("new-trailer", 2, content_type="trailer", youtube_key="t2")
        create("no-video", 6, content_type="trailer")
        create("draft", 7, content_type="trailer", youtube_key="t3", status=Item.Status.DRAFT)
        ItemFactory.create(id="unknown", title="Arrival of a Train", tmdb_id=None, media_type=None)
        ItemFactory.create(id="series", title="Arrivals", tmdb_id=7, media_type="tv")

    @pytest.mark.parametrize("text", ["arrival", "arival", "arrivl"])
    def test_a_title_has_its_newest_trailer_that_phones_can_show(self, text: str) -> None:
        assert find(text) == ["new-trailer", "series"]

    def test_a_title_without_a_trailer_has_another_item(self) -> None:
        Item.objects.filter(id__in=["trailer", "new-trailer"]).update(status=Item.Status.ARCHIVED)
        assert find("arrival")[0] == "clip"
        Item.objects.filter(id="clip").update(status=Item.Status.ARCHIVED)
        assert find("arrival")[0] == "no-video"

    def test_many_items_of_one_title_do_not_hide_the_others(self) -> None:
        assert find("arrival", limit=2) == ["new-trailer", "series"]

    def test_all_published_items_are_found_on_request(self) -> None:
        everything = {"clip", "trailer", "new-trailer", "no-video", "unknown", "series"}
        assert set(find("arrival", scope="items")) == everything
        assert {orjson.loads(card)["id"] for card in search_cards("arrival", scope="items")} == everything

    def test_staff_find_drafts_and_misspelt_titles(self) -> None:
        assert "draft" in find("arrival", scope="catalogue")
        assert "draft" in find("arival", scope="catalogue")

    @pytest.mark.parametrize(("options", "number"), [({}, 2), ({"all": "true"}, 6), ({"all": "false"}, 2)])
    def test_the_api_finds_titles_unless_all_is_true(self, options: dict[str, str], number: int) -> None:
        found = get_client("ama").get("/api/v1/search", {"q": "arrival", **options}).json()
        assert len(found) == number
        assert all(item["tmdbId"] for item in found) is (number == 2)
