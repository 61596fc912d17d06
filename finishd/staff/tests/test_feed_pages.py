"""The admin pages of indexes and plans."""

from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from core.redis.client import state_redis
from feed.models import IndexBuild
from feed.services.pages import get_page
from feed.services.sessions import PageRequest

pytestmark = pytest.mark.django_db(transaction=True)


INDEXES = reverse("admin:feed_indexbuild_changelist")
PLAN = reverse("admin:feed_plan")


class TestIndexes:
    def test_the_overview_has_every_index_with_its_size(self, staff: Client, built: IndexBuild) -> None:
        response = staff.get(INDEXES)
        assert response.status_code == 200
        shown = response.context["indexes"]
        assert shown["generation"] == built.pk
        assert shown["sizes"] == {"trending": 12, "genre:drama": 12}
        assert [build.pk for build in response.context["cl"].result_list] == [built.pk]

    def test_an_index_shows_its_top_items_with_terms_that_add_up_to_the_score(
        self, staff: Client, built: IndexBuild
    ) -> None:
        response = staff.get(reverse("admin:feed_index", args=["trending"]))
        assert response.status_code == 200
        top = response.context["top"]
        names = ["engagement", "popularity", "rating", "recency", "boost"]
        assert top["headers"] == ["", "item", "score", *names]
        rank, item, score, *terms = top["rows"][0]
        assert rank == 1
        assert "Film 0" in item
        assert float(score) == pytest.approx(sum(map(float, terms)), abs=0.003)
        assert response.context["history"]["rows"][0][0] == built.pk

    def test_an_unknown_index_is_a_404(self, staff: Client, built: IndexBuild) -> None:
        assert staff.get(reverse("admin:feed_index", args=["genre:nothing"])).status_code == 404

    def test_the_button_queues_a_rebuild(self, staff: Client) -> None:
        response = staff.post(reverse("admin:feed_rebuild"), follow=True)
        assert b"A rebuild is queued." in response.content
        assert state_redis().llen("indexes") == 1
        assert staff.get(reverse("admin:feed_rebuild")).status_code == 405


@pytest.mark.usefixtures("built")
class TestPlan:
    def test_a_live_plan_shows_every_slot_with_its_source_and_reason(
        self, staff: Client, now: datetime
    ) -> None:
        query = PageRequest(viewer="ama", feed="for_you", limit=10, now=now.timestamp())
        page = get_page(query)
        response = staff.get(PLAN, {"uid": "ama", "feed": "for_you"})
        assert response.status_code == 200
        assert response.context["plan"].session == page.session
        rows = response.context["slots"]["rows"]
        assert len(rows) == 12
        assert len(page.slots) == 10
        for row, entry in zip(rows[:10], page.slots, strict=True):
            assert entry.item in row[1]
        assert {row[2] for row in rows} <= {"trending", "personalized"}
        assert all(row[3] for row in rows)
        assert b"generation" in response.content

    def test_viewing_a_plan_starts_no_session(self, staff: Client) -> None:
        response = staff.get(PLAN, {"uid": "ama", "feed": "for_you"})
        assert response.context["error"].startswith("ama has no current session")
        assert not list(state_redis().scan_iter("session:*"))

    def test_a_preview_shows_a_new_plan_and_serves_nothing(self, staff: Client) -> None:
        response = staff.post(PLAN, {"uid": "ama", "feed": "for_you"})
        assert len(response.context["slots"]["rows"]) == 12
        assert b"It is not served." in response.content
        assert not list(state_redis().scan_iter("session:*"))

    @pytest.mark.parametrize(
        "query",
        [{"uid": "", "feed": "for_you"}, {"uid": "x" * 129, "feed": "for_you"}, {"uid": "a", "feed": "x"}],
    )
    def test_invalid_input_shows_the_form_with_errors(self, staff: Client, query: dict[str, str]) -> None:
        response = staff.get(PLAN, query)
        assert response.status_code == 200
        assert response.context["form"].errors
