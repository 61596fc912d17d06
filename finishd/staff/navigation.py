"""The settings of unfold, the theme of the admin: titles, search and the navigation of the sidebar."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

from activity.services.storage import is_orm_store


def _link(
    title: str,
    icon: str,
    view: str,
    permission: str,
    *,
    if_: Callable[[], bool] = lambda: True,
    **options: Any,
) -> dict[str, Any]:
    def allowed(request: HttpRequest) -> bool:
        return if_() and request.user.has_perm(permission)

    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{view}"),
        "permission": allowed,
        **options,
    }


def _is_indexes(request: HttpRequest) -> bool:
    """Return whether the page belongs to the indexes. The plan's URL is below theirs but has its own entry."""
    below_indexes = request.path.startswith(str(reverse_lazy("admin:feed_indexbuild_changelist")))
    return below_indexes and not request.path.startswith(str(reverse_lazy("admin:feed_plan")))


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Finishd",
    "SITE_HEADER": "Finishd",
    "SITE_SUBHEADER": "What people see next",
    "SITE_SYMBOL": "movie",
    "SITE_URL": reverse_lazy("docs"),
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "finishd.staff.dashboard.add_tiles",
    "COMMAND": {"search_models": ["content.item", "content.genre"]},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": [
            {
                "items": [
                    {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                ],
            },
            {
                "title": "Catalogue",
                "items": [
                    _link("Items", "movie", "content_item_changelist", "content.view_item"),
                    _link("Genres", "category", "content_genre_changelist", "content.view_genre"),
                ],
            },
            {
                "title": "Feed",
                "items": [
                    _link(
                        "Indexes",
                        "leaderboard",
                        "feed_indexbuild_changelist",
                        "feed.view_indexbuild",
                        active=_is_indexes,
                    ),
                    _link("A viewer's plan", "playlist_play", "feed_plan", "feed.view_plan"),
                ],
            },
            {
                "title": "People",
                "items": [
                    _link(
                        "People",
                        "group",
                        "activity_person_changelist",
                        "activity.view_person",
                        if_=is_orm_store,
                    ),
                    _link(
                        "Activities",
                        "favorite",
                        "activity_activityrecord_changelist",
                        "activity.view_activity",
                        if_=is_orm_store,
                    ),
                    _link(
                        "Follows",
                        "share",
                        "activity_follow_changelist",
                        "activity.view_follow",
                        if_=is_orm_store,
                    ),
                    _link(
                        "Unfinished jobs",
                        "pending_actions",
                        "activity_job_changelist",
                        "activity.view_job",
                        if_=is_orm_store,
                    ),
                    _link("Erasures", "person_remove", "privacy_erasure_changelist", "privacy.view_erasure"),
                ],
            },
            {
                "title": "Analytics",
                "items": [
                    _link(
                        "Event streams",
                        "stream",
                        "analytics_checkpoint_changelist",
                        "analytics.view_checkpoint",
                    ),
                    _link(
                        "Dead letters",
                        "unknown_document",
                        "analytics_deadletter_changelist",
                        "analytics.view_deadletter",
                    ),
                ],
            },
            {
                "title": "Operations",
                "items": [
                    _link(
                        "Redis losses", "history", "recovery_redisloss_changelist", "recovery.view_redisloss"
                    ),
                    _link(
                        "Periodic tasks",
                        "schedule",
                        "django_celery_beat_periodictask_changelist",
                        "django_celery_beat.view_periodictask",
                    ),
                    _link(
                        "Intervals",
                        "timer",
                        "django_celery_beat_intervalschedule_changelist",
                        "django_celery_beat.view_intervalschedule",
                    ),
                    _link(
                        "Crontabs",
                        "calendar_month",
                        "django_celery_beat_crontabschedule_changelist",
                        "django_celery_beat.view_crontabschedule",
                    ),
                ],
            },
            {
                "title": "Staff",
                "items": [
                    _link("Users", "person", "auth_user_changelist", "auth.view_user"),
                    _link("Groups", "group", "auth_group_changelist", "auth.view_group"),
                ],
            },
        ],
    },
}
