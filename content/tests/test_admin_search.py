"""The search box of the items' admin page."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from content.models import Item
from content.tests.factories import ItemFactory

pytestmark = pytest.mark.django_db

ITEMS = reverse("admin:content_item_changelist")


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture(autouse=True)
def _items() -> None:
    ItemFactory.create(id="matrix", title="The Matrix", tmdb_id=603, status=Item.Status.DRAFT)
    ItemFactory.create(id="matrix-2", title="The Matrix Reloaded", tmdb_id=604, popularity=90.0)
    ItemFactory.create(id="clip", title="The Matrix", tmdb_id=603, content_type="clip", genres=["Cyberpunk"])
    ItemFactory.create(id="603", title="Numbers", tmdb_id=None)
    ItemFactory.create(id="untitled", title="Heat", tmdb_id=None, media_type=None)


def find(client: Client, text: str, **options: Any) -> list[str]:
    response = client.get(ITEMS, {"q": text, **options})
    assert response.status_code == 200
    return [item.pk for item in response.context["cl"].result_list]


def test_staff_find_drafts_all_items_of_a_title_and_items_without_a_tmdb_id(staff: Client) -> None:
    assert set(find(staff, "the matrix")) == {"matrix", "matrix-2", "clip"}
    assert find(staff, "heat") == ["untitled"]


@pytest.mark.parametrize("text", ["matrx", "the matrixx"])
def test_staff_find_misspelt_titles_as_phones_do(staff: Client, text: str) -> None:
    assert set(find(staff, text)) == {"matrix", "matrix-2", "clip"}


def test_staff_find_genres(staff: Client) -> None:
    assert find(staff, "cyberpunk") == ["clip"]


def test_an_id_and_a_tmdb_id_come_first(staff: Client) -> None:
    assert find(staff, "603") == ["603", "clip", "matrix"]
    assert find(staff, "matrix-2")[0] == "matrix-2"


def test_the_best_match_comes_first_unless_staff_sort_by_a_column(staff: Client) -> None:
    assert find(staff, "matrix reloaded")[0] == "matrix-2"
    assert find(staff, "matrix", o="-5")[0] == "matrix-2"  # popularity
    assert find(staff, "matrix", o="5")[-1] == "matrix-2"


@pytest.mark.parametrize("text", ["9" * 5_000, "'\"; --", "   ", "\u202e", "%", "???"])
def test_any_text_gets_a_page(staff: Client, text: str) -> None:
    assert staff.get(ITEMS, {"q": text}).status_code == 200
