"""The admin pages of items and genres, and the merge of genres."""

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
from content.tests.factories import GenreFactory, ItemFactory, add_genres

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS = reverse("admin:content_item_changelist")
GENRES = reverse("admin:content_genre_changelist")
Status = Item.Status


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff"))
    return client


def run_action(client: Client, page: str, action: str, *ids: Any, **more: Any) -> list[str]:
    """Run an action of a list page, and return the messages for staff."""
    response = client.post(page, {"action": action, "_selected_action": ids, **more})
    return [str(message) for message in get_messages(response.wsgi_request)]


def get_card(item_id: str) -> dict[str, Any] | None:
    (card,) = cards.get_cards([item_id])
    return orjson.loads(card) if card else None


class TestItems:
    @pytest.mark.parametrize(
        ("action", "status", "message"),
        [
            ("publish", Status.PUBLISHED, "1 item is now published. 1 was already published."),
            ("unpublish", Status.DRAFT, "1 item is now draft. 1 was already draft."),
            ("archive", Status.ARCHIVED, "2 items are now archived."),
        ],
    )
    def test_an_action_sets_the_status_of_all_selected_items_and_shows_one_message(
        self, staff: Client, action: str, status: Status, message: str
    ) -> None:
        ItemFactory.create(id="a", status=Status.DRAFT)
        ItemFactory.create(id="b")
        assert run_action(staff, ITEMS, action, "a", "b") == [message]
        assert set(Item.objects.values_list("status", flat=True)) == {status}
        assert (get_card("a") is not None) == (status == Status.PUBLISHED)

    def test_actions_set_and_clear_the_boost(self, staff: Client) -> None:
        ItemFactory.create(id="a")
        for action, boost, effect in (
            ("boost", 5, "now boosted by +5"),
            ("bury", -5, "now boosted by -5"),
            ("clear_boost", 0, "no longer boosted"),
        ):
            message = run_action(staff, ITEMS, action, "a")[-1]
            assert message == f"1 item is {effect} (applies at the next index rebuild)."
            assert cards.get_facts(["a"])["a"].staff_boost == boost

    def test_items_cannot_be_deleted(self, staff: Client) -> None:
        ItemFactory.create(id="a")
        run_action(staff, ITEMS, "delete_selected", "a", post="yes")
        assert (
            staff.post(reverse("admin:content_item_delete", args=["a"]), {"post": "yes"}).status_code == 403
        )
        assert Item.objects.filter(id="a").exists()

    def test_staff_with_only_the_view_permission_have_no_actions(self, client: Client) -> None:
        ItemFactory.create(id="a")
        viewer = User.objects.create_user("viewer", is_staff=True)
        viewer.user_permissions.add(Permission.objects.get(codename="view_item"))
        client.force_login(viewer)
        assert client.get(ITEMS).status_code == 200
        run_action(client, ITEMS, "archive", "a")
        assert Item.objects.get(id="a").status == Status.PUBLISHED

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("q=matrix", {"matrix"}), ("q=603", {"matrix"}), ("q=heat", {"heat"}), ("q=%F0%9F%8E%AC", set()),
            ("status__exact=draft", {"draft"}), ("hidden__exact=1", {"hidden"}), ("boost=up", {"hidden"}),
            ("content_type__exact=clip", {"heat"}), ("media_type__exact=tv", {"draft"}),
        ],
    )  # fmt: skip
    def test_search_and_filters(self, staff: Client, query: str, found: set[str]) -> None:
        ItemFactory.create(id="matrix", title="The Matrix", tmdb_id=603)
        ItemFactory.create(id="heat", title="Warm", content_type="clip")
        ItemFactory.create(id="draft", status=Status.DRAFT, media_type="tv")
        ItemFactory.create(id="hidden", hidden=True, staff_boost=3)
        response = staff.get(f"{ITEMS}?{query}")
        assert {item.id for item in response.context["cl"].result_list} == found

    def test_the_genre_filter(self, staff: Client) -> None:
        ItemFactory.create(id="a", genres=["crime", "drama"])
        ItemFactory.create(id="b", genres=["comedy"])
        crime = Genre.objects.get(slug="crime")
        response = staff.get(f"{ITEMS}?genres__id__exact={crime.pk}")
        assert [item.id for item in response.context["cl"].result_list] == ["a"]

    def test_the_number_of_queries_does_not_depend_on_the_number_of_items(
        self, staff: Client, django_assert_max_num_queries: Callable[[int], Any]
    ) -> None:
        for _ in range(20):
            ItemFactory.create(genres=["crime", "drama"])
        # Session, user, count, rows, links to genres, genres for the filter (and whether there are any).
        with django_assert_max_num_queries(8):
            response = staff.get(ITEMS)
        assert response.status_code == 200
        assert len(response.context["cl"].result_list) == 20

    def test_an_edited_item_has_a_card_with_the_genres_in_their_new_order(self, staff: Client) -> None:
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
        card = get_card("heat")
        assert card is not None
        assert card["title"] == "Heat again"
        assert [name.lower() for name in card["genres"]] == ["drama", "crime"]
        assert list(ItemGenre.objects.order_by("position").values_list("position", flat=True)) == [0, 1]

    def test_the_form_refuses_an_existing_id(self, staff: Client) -> None:
        ItemFactory.create(id="heat")
        response = staff.post(reverse("admin:content_item_add"), {"id": "heat", "title": "Heat"})
        assert "id" in response.context["adminform"].form.errors


class TestGenres:
    def test_the_review_queue_shows_genres_that_need_review(self, staff: Client) -> None:
        genres.ensure_genre("Space Opera")
        GenreFactory.create()
        assert b"1 genre</strong>" in staff.get(GENRES).content
        response = staff.get(f"{GENRES}?reviewed__exact=0")
        assert [genre.name for genre in response.context["cl"].result_list] == ["Space Opera"]

    def test_reviewed_genres_leave_the_review_queue(self, staff: Client) -> None:
        genre = genres.ensure_genre("Space Opera")
        assert run_action(staff, GENRES, "mark_reviewed", genre.pk) == ["1 genre marked as reviewed."]
        assert b"created by an import" not in staff.get(GENRES).content

    def test_the_merge_action_asks_for_the_target_and_moves_everything(self, staff: Client) -> None:
        target = genres.ensure_genre("Science Fiction")
        odd = genres.ensure_genre("scifi movies")
        ItemFactory.create(id="alien", genres=[odd])
        page = staff.post(GENRES, {"action": "merge_into", "_selected_action": [odd.pk]})
        assert page.status_code == 200
        assert b"scifi movies" in page.content
        messages = run_action(staff, GENRES, "merge_into", odd.pk, into=target.pk)
        assert messages == ["scifi movies merged into Science Fiction: 1 item moved."]
        card = get_card("alien")
        assert card is not None
        assert card["genres"] == ["Science Fiction"]
        assert genres.ensure_genre("SciFi Movies") == target

    def test_cards_have_the_new_name_of_a_genre_and_its_old_name_remains_an_alias(
        self, staff: Client
    ) -> None:
        genre = genres.ensure_genre("Sci Fi")
        ItemFactory.create(id="alien", genres=[genre])
        values = {"name": "Science Fiction", "reviewed": "on"}
        for prefix in ("aliases", "tmdb_ids"):
            values |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
        page = reverse("admin:content_genre_change", args=[genre.pk])
        assert staff.post(page, values).status_code == 302
        card = get_card("alien")
        assert card is not None
        assert card["genres"] == ["Science Fiction"]
        assert genres.ensure_genre("sci-fi") == genres.ensure_genre("science fiction") == genre

    @pytest.mark.parametrize(
        ("spelling", "error"), [("Sci-Fi", "already a spelling of"), ("?!", "letters or digits")]
    )
    def test_the_form_refuses_invalid_spellings_and_those_of_other_genres(
        self, staff: Client, spelling: str, error: str
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
        assert error.encode() in response.content
        assert GenreAlias.objects.get(key="scifi").genre == owner


class TestMerging:
    def test_an_item_with_both_genres_keeps_the_better_position(self) -> None:
        target, merged, other = (GenreFactory.create(name=name) for name in ("Target", "Merged", "Other"))
        item = ItemFactory.create(id="a", genres=[merged, other, target])
        unchanged = ItemFactory.create(id="b", genres=[target])
        assert curation.merge([merged.pk, target.pk], into=target.pk, now=timezone.now()) == 1
        assert [row.genre for row in item.item_genres.all()] == [target, other]
        assert Item.objects.get(id="a").version == 2
        assert Item.objects.get(id="b").version == unchanged.version

    def test_several_genres_are_merged_with_their_tmdb_ids(self) -> None:
        target, one, two = (GenreFactory.create(name=name) for name in ("Target", "One", "Two"))
        one.tmdb_ids.create(tmdb_id=11)
        two.tmdb_ids.create(tmdb_id=22)
        item = ItemFactory.create(id="a", genres=[])
        add_genres(item, [one, two])
        assert curation.merge([one.pk, two.pk], into=target.pk, now=timezone.now()) == 1
        assert [row.genre for row in item.item_genres.all()] == [target]
        assert set(genres.get_slugs(["One", "TWO", 11, 22]).values()) == {target.slug}

    def test_a_merge_into_a_missing_genre_raises(self) -> None:
        with pytest.raises(Genre.DoesNotExist):
            curation.merge([], into=404, now=timezone.now())

    def test_the_overview_counts_items_stale_cards_and_unreviewed_genres(self) -> None:
        ItemFactory.create()
        ItemFactory.create(status=Status.DRAFT)
        Item.objects.filter(status=Status.DRAFT).update(version=9)
        genres.ensure_genre("Space Opera")
        numbers = curation.get_overview()
        assert (numbers.published, numbers.draft, numbers.archived) == (1, 1, 0)
        assert (numbers.stale_cards, numbers.unreviewed_genres) == (1, 1)
