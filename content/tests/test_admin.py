"""What staff can do with the catalogue."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from content.models import Genre, GenreAlias, Item, ItemGenre
from content.services import cards, curation, genres
from content.tests.factories import GenreFactory, ItemFactory, link

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS = reverse("admin:content_item_changelist")
GENRES = reverse("admin:content_genre_changelist")
Status = Item.Status


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff"))
    return client


def act(client: Client, page: str, action: str, *ids: Any, **more: Any) -> list[str]:
    """Run a list action; the messages that staff read."""
    response = client.post(page, {"action": action, "_selected_action": ids, **more})
    return [str(message) for message in get_messages(response.wsgi_request)]


def on_card(item_id: str) -> dict[str, Any] | None:
    (card,) = cards.get_cards([item_id])
    return orjson.loads(card) if card else None


class TestItems:
    @pytest.mark.parametrize(
        ("action", "status", "says"),
        [
            ("publish", Status.PUBLISHED, "1 item is now published. 1 was published already."),
            ("unpublish", Status.DRAFT, "1 item is now draft. 1 was draft already."),
            ("archive", Status.ARCHIVED, "2 items are now archived."),
        ],
    )
    def test_many_change_their_status_at_once_with_one_message(
        self, staff: Client, action: str, status: Status, says: str
    ) -> None:
        ItemFactory.create(id="a", status=Status.DRAFT)
        ItemFactory.create(id="b")
        assert act(staff, ITEMS, action, "a", "b") == [says]
        assert set(Item.objects.values_list("status", flat=True)) == {status}
        assert (on_card("a") is not None) == (status == Status.PUBLISHED)

    def test_boosting_burying_and_neither(self, staff: Client) -> None:
        ItemFactory.create(id="a")
        for action, boost in (("boost", 5), ("bury", -5), ("clear_boost", 0)):
            said = act(staff, ITEMS, action, "a")[-1]
            assert said.startswith("1 item is now")
            assert cards.get_facts(["a"])["a"].staff_boost == boost

    def test_nobody_deletes_an_item(self, staff: Client) -> None:
        ItemFactory.create(id="a")
        act(staff, ITEMS, "delete_selected", "a", post="yes")
        assert (
            staff.post(reverse("admin:content_item_delete", args=["a"]), {"post": "yes"}).status_code == 403
        )
        assert Item.objects.filter(id="a").exists()

    def test_who_may_only_look_gets_no_actions(self, client: Client) -> None:
        ItemFactory.create(id="a")
        looker = User.objects.create_user("looker", is_staff=True)
        looker.user_permissions.add(Permission.objects.get(codename="view_item"))
        client.force_login(looker)
        assert client.get(ITEMS).status_code == 200
        act(client, ITEMS, "archive", "a")
        assert Item.objects.get(id="a").status == Status.PUBLISHED

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("q=matrix", {"matrix"}), ("q=603", {"matrix"}), ("q=heat", {"heat"}), ("q=%F0%9F%8E%AC", set()),
            ("status__exact=draft", {"draft"}), ("hidden__exact=1", {"hidden"}), ("boost=up", {"hidden"}),
            ("content_type__exact=clip", {"heat"}), ("media_type__exact=tv", {"draft"}),
        ],
    )  # fmt: skip
    def test_searching_and_filtering(self, staff: Client, query: str, found: set[str]) -> None:
        ItemFactory.create(id="matrix", title="The Matrix", tmdb_id=603)
        ItemFactory.create(id="heat", title="Warm", content_type="clip")
        ItemFactory.create(id="draft", status=Status.DRAFT, media_type="tv")
        ItemFactory.create(id="hidden", hidden=True, staff_boost=3)
        response = staff.get(f"{ITEMS}?{query}")
        assert {item.id for item in response.context["cl"].result_list} == found

    def test_filtering_by_genre(self, staff: Client) -> None:
        ItemFactory.create(id="a", genres=["crime", "drama"])
        ItemFactory.create(id="b", genres=["comedy"])
        crime = Genre.objects.get(slug="crime")
        response = staff.get(f"{ITEMS}?genres__id__exact={crime.pk}")
        assert [item.id for item in response.context["cl"].result_list] == ["a"]

    def test_a_page_of_the_list_costs_the_same_however_long_it_is(
        self, staff: Client, django_assert_max_num_queries: Callable[[int], Any]
    ) -> None:
        for _ in range(20):
            ItemFactory.create(genres=["crime", "drama"])
        # Session, user; one count, the rows, their genres' links; genres for the filter (twice: is there any).
        with django_assert_max_num_queries(8):
            staff.get(ITEMS)

    def test_editing_one_writes_its_card_with_the_genres_in_their_order(self, staff: Client) -> None:
        item = ItemFactory.create(id="heat", title="Heat", genres=["crime", "drama"])
        crime, drama = item.item_genres.all()
        page = reverse("admin:content_item_change", args=["heat"])
        form = staff.get(page).context["adminform"].form
        values = {name: "" if v is None else v for name, v in form.initial.items() if name in form.fields}
        values |= {
            "title": "Heat again",
            "item_genres-TOTAL_FORMS": 2,
            "item_genres-INITIAL_FORMS": 2,
            "item_genres-0-id": crime.pk, "item_genres-0-item": "heat", "item_genres-0-genre": crime.genre_id,
            "item_genres-0-position": 7,
            "item_genres-1-id": drama.pk, "item_genres-1-item": "heat", "item_genres-1-genre": drama.genre_id,
            "item_genres-1-position": 3,
        }  # fmt: skip
        response = staff.post(page, values)
        assert response.status_code == 302
        card = on_card("heat")
        assert card is not None
        assert card["title"] == "Heat again"
        assert [name.lower() for name in card["genres"]] == ["drama", "crime"]
        assert list(ItemGenre.objects.order_by("position").values_list("position", flat=True)) == [0, 1]

    def test_an_id_that_is_taken_is_refused_by_the_form(self, staff: Client) -> None:
        ItemFactory.create(id="heat")
        response = staff.post(reverse("admin:content_item_add"), {"id": "heat", "title": "Heat"})
        assert "id" in response.context["adminform"].form.errors


class TestGenres:
    def test_the_queue_counts_and_lists_what_an_import_brought(self, staff: Client) -> None:
        genres.ensure_genre("Space Opera")
        GenreFactory.create()
        assert b"1 genre</strong>" in staff.get(GENRES).content
        response = staff.get(f"{GENRES}?reviewed__exact=0")
        assert [genre.name for genre in response.context["cl"].result_list] == ["Space Opera"]

    def test_reviewing_takes_them_off_the_queue(self, staff: Client) -> None:
        genre = genres.ensure_genre("Space Opera")
        assert act(staff, GENRES, "mark_reviewed", genre.pk) == ["1 genre off the queue."]
        assert b"came in with an import and" not in staff.get(GENRES).content

    def test_merging_asks_into_which_and_then_moves_everything(self, staff: Client) -> None:
        target = genres.ensure_genre("Science Fiction")
        odd = genres.ensure_genre("scifi movies")
        ItemFactory.create(id="alien", genres=[odd])
        page = staff.post(GENRES, {"action": "merge_into", "_selected_action": [odd.pk]})
        assert page.status_code == 200
        assert b"scifi movies" in page.content
        says = act(staff, GENRES, "merge_into", odd.pk, into=target.pk)
        assert says == ["scifi movies merged into Science Fiction: 1 item moved."]
        card = on_card("alien")
        assert card is not None
        assert card["genres"] == ["Science Fiction"]
        assert genres.ensure_genre("SciFi Movies") == target

    def test_a_new_name_shows_on_cards_and_the_old_one_still_means_it(self, staff: Client) -> None:
        genre = genres.ensure_genre("Sci Fi")
        ItemFactory.create(id="alien", genres=[genre])
        values = {"name": "Science Fiction", "reviewed": "on"}
        for prefix in ("aliases", "tmdb_ids"):
            values |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
        page = reverse("admin:content_genre_change", args=[genre.pk])
        assert staff.post(page, values).status_code == 302
        card = on_card("alien")
        assert card is not None
        assert card["genres"] == ["Science Fiction"]
        assert genres.ensure_genre("sci-fi") == genres.ensure_genre("science fiction") == genre

    @pytest.mark.parametrize(
        ("spelling", "complaint"), [("Sci-Fi", "a spelling of"), ("?!", "letters or digits")]
    )
    def test_a_spelling_is_not_taken_from_another_genre(
        self, staff: Client, spelling: str, complaint: str
    ) -> None:
        owner = genres.ensure_genre("SciFi")
        other = GenreFactory.create(name="Other")
        page = reverse("admin:content_genre_change", args=[other.pk])
        values = {
            "name": "Other", "aliases-TOTAL_FORMS": 1, "aliases-INITIAL_FORMS": 0,
            "aliases-0-key": spelling, "aliases-0-genre": other.pk,
            "tmdb_ids-TOTAL_FORMS": 0, "tmdb_ids-INITIAL_FORMS": 0,
        }  # fmt: skip
        response = staff.post(page, values)
        assert response.status_code == 200
        assert complaint.encode() in response.content
        assert GenreAlias.objects.get(key="scifi").genre == owner


class TestMerging:
    def test_an_item_with_both_keeps_the_better_place_once(self) -> None:
        good, odd, other = (GenreFactory.create(name=name) for name in ("Good", "Odd", "Other"))
        item = ItemFactory.create(id="a", genres=[odd, other, good])
        untouched = ItemFactory.create(id="b", genres=[good])
        assert curation.merge([odd.pk, good.pk], into=good.pk, now=timezone.now()) == 1
        assert [row.genre for row in item.item_genres.all()] == [good, other]
        assert Item.objects.get(id="a").version == 2
        assert Item.objects.get(id="b").version == untouched.version

    def test_several_at_once_with_their_tmdb_ids(self) -> None:
        target, one, two = (GenreFactory.create(name=name) for name in ("Target", "One", "Two"))
        one.tmdb_ids.create(tmdb_id=11)
        two.tmdb_ids.create(tmdb_id=22)
        item = ItemFactory.create(id="a", genres=[])
        link(item, [one, two])
        assert curation.merge([one.pk, two.pk], into=target.pk, now=timezone.now()) == 1
        assert [row.genre for row in item.item_genres.all()] == [target]
        assert {genres.ensure_genre(name) for name in ("One", "TWO", "11", "22")} == {target}

    def test_into_a_genre_that_is_not_there(self) -> None:
        with pytest.raises(Genre.DoesNotExist):
            curation.merge([], into=404, now=timezone.now())

    def test_the_catalogue_in_numbers(self) -> None:
        ItemFactory.create()
        ItemFactory.create(status=Status.DRAFT)
        Item.objects.filter(status=Status.DRAFT).update(version=9)
        genres.ensure_genre("Space Opera")
        numbers = curation.get_overview()
        assert (numbers.published, numbers.draft, numbers.archived) == (1, 1, 0)
        assert (numbers.stale_cards, numbers.unreviewed_genres) == (1, 1)
