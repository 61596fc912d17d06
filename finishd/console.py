"""How the admin presents itself: unfold's settings, as finishd.settings takes them."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy


def _link(title: str, icon: str, view: str, permission: str, **options: Any) -> dict[str, Any]:
    def allowed(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)

    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{view}"),
        "permission": allowed,
        **options,
    }


def _is_indexes(request: HttpRequest) -> bool:
    """The plan's page hangs under the indexes' but has an entry of its own."""
    here = request.path.startswith(str(reverse_lazy("admin:feed_indexbuild_changelist")))
    return here and not request.path.startswith(str(reverse_lazy("admin:feed_plan")))


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Finishd",
    "SITE_HEADER": "Finishd",
    "SITE_SUBHEADER": "What people see next",
    "SITE_SYMBOL": "movie",
    "SITE_URL": reverse_lazy("docs"),
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "finishd.dashboard.callback",
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
                "title": "Machinery",
                "items": [
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
