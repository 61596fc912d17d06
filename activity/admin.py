"""People in the admin, to look at: what they did, how far it is delivered, and what waits.

The tables are those of the ORM store; with another store there is nothing to see here. Every page is bounded:
searches are by whole uids, which are indexed, and counts stop at MAX_COUNTED_ROWS.
"""

import time
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from kombu.exceptions import OperationalError
from unfold.admin import ModelAdmin
from unfold.decorators import display

from activity import dispatch
from activity.models import Activity, Follow, Job, Person
from activity.services import lag, sweep
from activity.types import Job as Work
from activity.types import StoreUnavailable
from core.admin import ReadOnlyAdmin
from core.redis.client import REDIS_UNAVAILABLE
from core.times import format_utc

QUEUED_AT_ONCE = 500


class OrmStoreAdmin(ReadOnlyAdmin):
    """Tables of the ORM store, hidden while another store is in use. Phones change them, through services."""

    search_help_text = "A whole uid"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _in_sql() and bool(super().has_module_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _in_sql() and bool(super().has_view_permission(request, obj))


@admin.register(Person)
class PersonAdmin(OrmStoreAdmin):
    list_display = ["who", "following", "reach", "active", "version", "updated_at"]
    list_filter = ["reach"]
    list_filter_submit = False
    ordering = ["uid"]
    search_fields = ["uid__exact"]

    @display(description="person", header=True)
    def who(self, person: Person) -> list[str]:
        return [person.name or "without a name", person.uid]

    @display(description="last deed")
    def active(self, person: Person) -> str:
        return _moment(person.active_at)


@admin.register(Activity)
class ActivityAdmin(OrmStoreAdmin):
    """Each with its delivery's ledger, under the lag of all."""

    list_display = ["deed", "title", "recorded", "delivery", "reached", "took", "version"]
    ordering = ["-recorded_at"]
    search_fields = ["uid__exact"]
    list_before_template = "activity/admin/lag.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, {**_lag(), **(extra_context or {})})
        return response

    @display(description="deed", header=True)
    def deed(self, activity: Activity) -> list[str]:
        parts = [
            activity.status or "",
            "favourite" if activity.favorite else "",
            f"{activity.rating} of 5" if activity.rating else "",
        ]
        return [", ".join(filter(None, parts)) or "taken back", activity.uid]

    @display(description="recorded")
    def recorded(self, activity: Activity) -> str:
        return _moment(activity.recorded_at)

    @display(
        description="delivery",
        label={"delivered": "success", "under way": "info", "no delivery": "warning"},
    )
    def delivery(self, activity: Activity) -> str:
        if activity.last_at is None:
            return "no delivery"
        return "delivered" if activity.delivered >= activity.followers else "under way"

    @display(description="followers reached")
    def reached(self, activity: Activity) -> str:
        return f"{activity.delivered:,} of {activity.followers:,}"

    @display(description="took")
    def took(self, activity: Activity) -> str:
        return "" if activity.last_at is None else f"{max(activity.last_at - activity.recorded_at, 0):.1f} s"


@admin.register(Follow)
class FollowAdmin(OrmStoreAdmin):
    list_display = ["follower", "followee", "since"]
    ordering = ["-pk"]
    search_fields = ["follower__exact", "followee__exact"]

    @display(description="since")
    def since(self, follow: Follow) -> str:
        return _moment(follow.at)


@admin.register(Job)
class JobAdmin(OrmStoreAdmin):
    """What changes left to do, the oldest first. Beat queues what is overdue; the action does so at once."""

    list_display = ["kind", "subject", "target", "version", "waits", "due_again"]
    list_filter = ["kind"]
    list_filter_submit = False
    ordering = ["first_due"]
    search_fields = ["subject__exact", "target__exact"]
    actions = ["queue_again"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # On the whole: may queue again. On one: nothing to edit.
        return obj is None and _in_sql() and bool(ModelAdmin.has_change_permission(self, request))

    @display(description="overdue for")
    def waits(self, job: Job) -> str:
        overdue = time.time() - job.first_due
        return f"{overdue:,.0f} s" if overdue > 0 else "not yet"

    @display(description="due again")
    def due_again(self, job: Job) -> str:
        return _moment(job.due)

    @admin.action(description="Queue again", permissions=["change"])
    def queue_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        chosen = list(queryset[:QUEUED_AT_ONCE])
        try:
            dispatch.get_backlog()  # raises when there is nobody to send to
            for job in chosen:
                sweep.queue_again(Work(job.kind, job.subject, job.target, job.version, job.due))  # type: ignore[arg-type]
        except (OperationalError, *REDIS_UNAVAILABLE):
            self.message_user(
                request, "The broker gives no answer; beat will queue them later.", messages.ERROR
            )
        else:
            number = len(chosen)
            self.message_user(request, f"{number} job{'' if number == 1 else 's'} queued again.")


def _in_sql() -> bool:
    return bool(settings.ACTIVITY_STORE == "orm")


def _lag() -> dict[str, Any]:
    try:
        return {"lag": lag.measure(now=time.time())}
    except (StoreUnavailable, *REDIS_UNAVAILABLE):
        return {"lag_unknown": True}


def _moment(at: float) -> str:
    return format_utc(at) if at else "never"
