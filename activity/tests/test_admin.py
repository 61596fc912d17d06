"""Admin pages of people are read-only, and their cost is bounded."""

import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from activity.models import Activity, Follow, Job, Person
from activity.services import delivery, follows, people, relations
from activity.tests.store_contract import HOSTILE
from activity.types import Relation
from core import admin as core_admin
from core.redis import client as redis_module
from core.redis.client import state_redis
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

PEOPLE = reverse("admin:activity_person_changelist")
ACTIVITIES = reverse("admin:activity_activityrecord_changelist")
FOLLOWS = reverse("admin:activity_follow_changelist")
JOBS = reverse("admin:activity_job_changelist")
PAGES = [PEOPLE, ACTIVITIES, FOLLOWS, JOBS]


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture
def busy() -> None:
    """Kofi likes two films; ten seconds later, one of them is delivered to Ama."""
    now = time.time()
    people.sync_name_from_token("kofi", "Kofi", None)
    follows.follow("ama", "kofi", now=now - 20)
    for title in ("movie:1", "movie:2"):
        recorded = relations.set_relation("kofi", title, Relation(favorite=True), source=None, now=now - 10)
    delivery.deliver_batch("kofi", "movie:2", recorded.activity.version, now=now)
    state_redis().delete("repeats")


@pytest.mark.usefixtures("busy")
class TestPages:
    def test_activities_show_the_progress_of_their_delivery(self, staff: Client) -> None:
        page = staff.get(ACTIVITIES)
        text = page.content.decode()
        assert page.context["lag"].finished == 1
        assert "10.0 s" in text
        assert "1 of 1" in text
        assert "not started" in text
        assert "99th percentile" in text

    def test_people_are_found_by_their_whole_uid_only(self, staff: Client) -> None:
        assert b"Kofi" in staff.get(PEOPLE, {"q": "kofi"}).content
        assert staff.get(PEOPLE, {"q": "kof"}).context["cl"].result_count == 0

    def test_a_search_for_unusual_characters_finds_nothing(self, staff: Client) -> None:
        page = staff.get(PEOPLE, {"q": "a/b {} %' 👻"})
        assert page.status_code == 200
        assert page.context["cl"].result_count == 0
        assert staff.get(PEOPLE, {"q": "a\0b"}).status_code in {200, 400}  # as the database handles NUL

    def test_jobs_are_listed_with_the_oldest_first(self, staff: Client) -> None:
        jobs = list(staff.get(JOBS).context["cl"].result_list)
        assert [job.kind for job in jobs] == ["backfill", "deliver"]

    @pytest.mark.parametrize("page", PAGES)
    def test_the_number_of_queries_does_not_rise_with_the_number_of_rows(
        self, staff: Client, page: str, django_assert_max_num_queries: Callable[[int], Any]
    ) -> None:
        Person.objects.bulk_create(Person(uid=f"person-{n}") for n in range(60))
        Activity.objects.bulk_create(Activity(uid="ama", title=f"movie:{n}", at=n) for n in range(60))
        Follow.objects.bulk_create(Follow(follower=f"person-{n}", followee="ama", at=n) for n in range(60))
        Job.objects.bulk_create(Job(kind="change_reach", subject=f"person-{n}", due=n) for n in range(60))
        # Session, user, count of rows, rows; for activities the oldest jobs, too.
        with django_assert_max_num_queries(6):
            assert len(staff.get(page).context["cl"].result_list) == 50

    def test_counts_are_bounded(self, staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(core_admin, "MAX_COUNTED_ROWS", 10)
        Person.objects.bulk_create(Person(uid=f"person-{n}") for n in range(60))
        assert staff.get(PEOPLE).context["cl"].result_count == 10

    @pytest.mark.parametrize("page", PAGES)
    def test_nothing_can_be_added_changed_or_deleted(self, staff: Client, page: str) -> None:
        first = staff.get(page).context["cl"].result_list[0]
        name = first._meta.model_name
        assert staff.get(reverse(f"admin:activity_{name}_add")).status_code == 403
        change = reverse(f"admin:activity_{name}_change", args=[first.pk])
        assert staff.get(change).status_code == 200
        assert staff.post(change, {}).status_code == 403
        delete = reverse(f"admin:activity_{name}_delete", args=[first.pk])
        assert staff.post(delete, {"post": "yes"}).status_code == 403

    def test_the_permission_to_view_activities_shows_their_list_and_pages(self, client: Client) -> None:
        user = User.objects.create_user("viewer", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_activity"))
        client.force_login(user)
        listed = client.get(ACTIVITIES)
        assert listed.status_code == 200
        for record in listed.context["cl"].result_list:
            assert client.get(listed.context["cl"].url_for_result(record)).status_code == 200
        assert client.get(JOBS).status_code == 403
        assert not Permission.objects.filter(codename__contains="activityrecord").exists()

    def test_the_permission_to_view_jobs_allows_nothing_else(self, client: Client) -> None:
        user = User.objects.create_user("viewer", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_job"))
        client.force_login(user)
        assert client.get(JOBS).status_code == 200
        assert client.get(ACTIVITIES).status_code == 403
        again = {"action": "queue_again", "_selected_action": [Job.objects.earliest("pk").pk]}
        assert client.post(JOBS, again).status_code == 200
        assert state_redis().llen("repeats") == 0

    def test_pages_are_hidden_with_another_store(self, staff: Client, settings: Any) -> None:
        settings.ACTIVITY_STORE = "firestore"
        for page in PAGES:
            assert staff.get(page).status_code == 403


class TestPageOfOneActivity:
    @pytest.mark.parametrize("uid", [*HOSTILE, "ama", "movie:1", "a  b ", "a_2Fb", "a?b#c", "a+b&c;d"])
    def test_its_link_in_the_list_leads_to_it(self, staff: Client, uid: str) -> None:
        for title in ("movie:1", "movie:2", "item:é/_2F|?#"):
            Activity.objects.create(uid=uid, title=title, at=1, origin=f"from {title}"[:16])
            Activity.objects.create(uid="another", title=title, at=1)
        changes = staff.get(ACTIVITIES).context["cl"]
        links = {
            record.title: changes.url_for_result(record)
            for record in changes.result_list
            if record.uid == uid
        }
        assert len(set(links.values())) == 3
        for title, link in links.items():
            page = staff.get(link)
            assert page.status_code == 200
            shown = page.context["original"]
            assert (shown.uid, shown.title, shown.origin) == (uid, title, f"from {title}"[:16])
            history = link.replace("/change/", "/history/")
            assert history in unescape(page.content.decode())
            assert staff.get(history).context["object"] == shown

    def test_it_is_read_by_its_key(
        self, staff: Client, django_assert_max_num_queries: Callable[[int], Any]
    ) -> None:
        Activity.objects.create(uid="ama", title="movie:1", at=1)
        with django_assert_max_num_queries(3) as queries:  # session, user, row
            staff.get(reverse("admin:activity_activityrecord_change", args=["ama movie:1"]))
        read = queries.captured_queries[-1]["sql"]
        assert '"title" = ' in read
        assert '"uid" = ' in read

    @pytest.mark.parametrize("key", ["ama", "ama movie:2", "movie:1 ama", " movie:1", "ama\0 movie:1"])
    def test_an_unknown_activity_has_no_page(self, staff: Client, key: str) -> None:
        Activity.objects.create(uid="ama", title="movie:1", at=1)
        page = staff.get(reverse("admin:activity_activityrecord_change", args=[key]), follow=True)
        assert page.redirect_chain == [(reverse("admin:index"), 302)]


@pytest.mark.usefixtures("busy")
class TestQueueAgain:
    def test_selected_jobs_are_queued(self, staff: Client) -> None:
        again = {"action": "queue_again", "_selected_action": [job.pk for job in Job.objects.all()]}
        page = staff.post(JOBS, again, follow=True)
        assert b"2 jobs queued again." in page.content
        assert state_redis().llen("repeats") == 2

    def test_an_unavailable_broker_is_reported(self, staff: Client, redis_server: RedisServer) -> None:
        again = {"action": "queue_again", "_selected_action": [job.pk for job in Job.objects.all()]}
        redis_server.stop()
        page = staff.post(JOBS, again, follow=True)
        assert b"The broker is unavailable" in page.content
        assert b"The lag of deliveries cannot be shown" in staff.get(ACTIVITIES).content
        redis_server.start()
        redis_module._circuit_breakers.clear()
