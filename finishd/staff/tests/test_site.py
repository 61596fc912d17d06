"""Tests of the whole admin: no other hosts, permissions, and an unavailable Redis."""

import re
from html.parser import HTMLParser
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from content.models import Genre
from feed.models import IndexBuild
from finishd import celery
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)


INDEXES = reverse("admin:feed_indexbuild_changelist")
PLAN = reverse("admin:feed_plan")
CHECKPOINTS = reverse("admin:analytics_checkpoint_changelist")
DEAD_LETTERS = reverse("admin:analytics_deadletter_changelist")


class UrlParser(HTMLParser):
    """Collect the URLs that a page loads or links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.urls += [value for name, value in attrs if value and name in {"src", "href", "srcset", "action"}]
        self.urls += [
            url
            for name, value in attrs
            if name == "style"
            for url in re.findall(r"url\((.*?)\)", value or "")
        ]


def get_page_urls() -> list[str]:
    genre, task = Genre.objects.get(slug="drama"), PeriodicTask.objects.get(name="Sweep")
    return [
        reverse("admin:login"),
        reverse("admin:index"),
        reverse("admin:content_item_changelist"),
        reverse("admin:content_item_add"),
        reverse("admin:content_item_change", args=["i0"]),
        reverse("admin:content_item_history", args=["i0"]),
        reverse("admin:content_genre_changelist"),
        reverse("admin:content_genre_change", args=[genre.pk]),
        reverse("admin:content_genre_delete", args=[genre.pk]),
        *(
            reverse(f"admin:activity_{name}_changelist")
            for name in ("person", "activityrecord", "follow", "job")
        ),
        reverse("admin:privacy_erasure_changelist"),
        CHECKPOINTS,
        DEAD_LETTERS,
        f"{DEAD_LETTERS}?state=retrying",
        INDEXES,
        reverse("admin:feed_indexbuild_change", args=[IndexBuild.objects.get().pk]),
        reverse("admin:feed_index", args=["trending"]),
        reverse("admin:feed_index", args=["genre:drama"]),
        PLAN,
        f"{PLAN}?uid=ama&feed=for_you",
        reverse("admin:django_celery_beat_periodictask_changelist"),
        reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]),
        reverse("admin:django_celery_beat_intervalschedule_changelist"),
        reverse("admin:django_celery_beat_crontabschedule_add"),
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_change", args=[User.objects.get().pk]),
        reverse("admin:auth_group_add"),
        reverse("admin:search") + "?s=film",
    ]


@pytest.mark.usefixtures("built")
def test_no_page_fetches_anything_from_another_host(staff: Client) -> None:
    schedule = IntervalSchedule.objects.create(every=1, period="minutes")
    PeriodicTask.objects.create(name="Sweep", task="content.tasks.sweep_cards", interval=schedule)
    for page in get_page_urls():
        response = staff.get(page, follow=True)
        assert response.status_code == 200, page
        other_hosts = [
            url for url in UrlParser(response.content.decode()).urls if re.match(r"(\w+:)?//", url)
        ]
        assert other_hosts == [], page


class TestAccess:
    @pytest.mark.usefixtures("built")
    def test_an_anonymous_user_is_sent_to_the_login_and_then_to_the_dashboard(self, client: Client) -> None:
        User.objects.create_superuser("staff", password="a good long password")
        assert client.get(reverse("admin:index")).headers["Location"].startswith(reverse("admin:login"))
        logged_in = client.post(
            reverse("admin:login"), {"username": "staff", "password": "a good long password"}, follow=True
        )
        assert logged_in.redirect_chain == [(reverse("admin:index"), 302)]
        assert b"Published items" in logged_in.content

    def test_staff_see_only_what_their_permissions_allow(self, index_viewer: Client) -> None:
        dashboard = index_viewer.get(reverse("admin:index"))
        assert [tile.title for tile in dashboard.context["tiles"]] == ["Indexes", "Readiness", "Dependencies"]
        assert index_viewer.get(INDEXES).status_code == 200
        assert b"Rebuild now" not in index_viewer.get(INDEXES).content
        assert index_viewer.post(reverse("admin:feed_rebuild")).status_code == 403
        assert index_viewer.get(PLAN).status_code == 403
        assert index_viewer.get(reverse("admin:content_item_changelist")).status_code == 403

    def test_no_form_creates_changes_or_deletes_a_build(self, staff: Client, built: IndexBuild) -> None:
        assert staff.get(reverse("admin:feed_indexbuild_add")).status_code == 403
        assert staff.post(reverse("admin:feed_indexbuild_change", args=[built.pk]), {}).status_code == 403
        assert (
            staff.post(reverse("admin:feed_indexbuild_delete", args=[built.pk]), {"post": 1}).status_code
            == 403
        )


class TestWithoutRedis:
    def test_the_admin_works_and_reports_that_redis_is_unavailable(
        self, staff: Client, built: IndexBuild, redis_server: RedisServer
    ) -> None:
        redis_server.stop()
        assert b"Redis is unavailable" in staff.get(reverse("admin:index")).content
        assert b"Redis is unavailable" in staff.get(INDEXES).content
        assert staff.get(reverse("admin:feed_index", args=["trending"])).status_code == 200
        assert staff.get(PLAN, {"uid": "ama", "feed": "for_you"}).status_code == 200
        assert b"The backlog is unknown" in staff.get(CHECKPOINTS).content
        assert staff.get(DEAD_LETTERS).status_code == 200
        items = reverse("admin:content_item_changelist")
        assert staff.post(items, {"action": "archive", "_selected_action": ["i0"]}).status_code == 302
        queued = staff.post(reverse("admin:feed_rebuild"), follow=True)
        assert b"Nothing was queued" in queued.content


class TestSchedule:
    @pytest.mark.parametrize(
        ("migration", "task"),
        [
            ("content.migrations.0003_genres_and_schedule", "content.tasks.sweep_cards"),
            ("feed.migrations.0002_schedule", "feed.tasks.rebuild_indexes"),
            ("finishd.privacy.migrations.0002_schedule", "finishd.privacy.tasks.sweep_erasures"),
        ],
    )
    def test_a_migration_creates_an_entry_once_and_keeps_changes_by_staff(
        self, migration: str, task: str
    ) -> None:
        PeriodicTask.objects.all().delete()  # the migrations created entries
        schedule = import_module(migration).schedule
        schedule(apps, None)
        entry = PeriodicTask.objects.get()
        assert (entry.task, entry.enabled) == (task, True)
        celery.app.loader.import_default_modules()
        assert task in celery.app.tasks
        PeriodicTask.objects.update(
            enabled=False, interval=IntervalSchedule.objects.create(every=9, period="hours")
        )
        schedule(apps, None)
        entry = PeriodicTask.objects.get()
        assert (entry.enabled, entry.interval.every) == (False, 9)

    def test_staff_can_change_a_periodic_task(self, staff: Client) -> None:
        schedule = IntervalSchedule.objects.create(every=1, period="minutes")
        task = PeriodicTask.objects.create(name="Sweep", task="content.tasks.sweep_cards", interval=schedule)
        page = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
        content = staff.get(page).content
        assert b"feed.tasks.rebuild_indexes" in content
        values = {
            "name": "Sweep", "task": task.task, "interval": schedule.pk, "args": "[]", "kwargs": "{}",
            "headers": "{}", "description": "less often",
        }  # fmt: skip
        assert staff.post(page, values).status_code == 302
        task.refresh_from_db()
        assert (task.enabled, task.description) == (False, "less often")
