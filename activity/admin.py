"""Read-only admin pages for people: their activities, the delivery of these, and unfinished jobs.

The pages show the tables of the ORM store; with another store they are hidden. All pages are bounded: searches are for
whole uids, which are indexed, and counts stop at `core.admin.MAX_COUNTED_ROWS`.
"""

import time
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from kombu.exceptions import OperationalError
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.views import ChangeList

from activity import dispatch
from activity.models import ActivityRecord, Follow, Job, Person
from activity.services import lag, sweep
from activity.services.storage import is_orm_store
from activity.types import Job as JobValue
from activity.types import JobKind, StoreUnavailable
from core.admin import ReadOnlyAdmin
from core.outages import REDIS_UNAVAILABLE
from core.times import format_utc

MAX_QUEUED = 500  # jobs that one action queues


class OrmStoreAdmin(ReadOnlyAdmin):
    """Shows a table of the ORM store."""

    search_help_text = "A whole uid"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_orm_store() and bool(super().has_module_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_orm_store() and bool(super().has_view_permission(request, obj))


@admin.register(Person)
class PersonAdmin(OrmStoreAdmin):
    list_display = ["name_and_uid", "following_count", "reach", "last_activity", "version", "updated_at"]
    list_filter = ["reach"]
    ordering = ["uid"]
    search_fields = ["uid__exact"]

    @display(description="person", header=True)
    def name_and_uid(self, person: Person) -> list[str]:
        return [person.name or "without a name", person.uid]

    @display(description="last activity")
    def last_activity(self, person: Person) -> str:
        return _format_time(person.active_at)


class ActivityList(ChangeList):
    """Links to an activity by its uid and title, because its declared primary key is the uid alone."""

    def url_for_result(self, result: ActivityRecord) -> str:
        return reverse("admin:activity_activityrecord_change", args=[quote(result.pk)])


@admin.register(ActivityRecord)
class ActivityAdmin(OrmStoreAdmin):
    """Lists activities with the progress of their delivery, below the lag of all deliveries."""

    list_display = ["activity", "title", "recorded", "delivery", "followers_reached", "duration", "version"]
    ordering = ["-recorded_at", "uid", "title"]
    search_fields = ["uid__exact"]
    list_before_template = "activity/admin/lag.html"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_orm_store() and request.user.has_perm("activity.view_activity")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ActivityList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ActivityRecord | None:
        uid, _, title = object_id.rpartition(" ")
        try:
            return ActivityRecord.objects.get(uid=uid, title=title)
        except (ActivityRecord.DoesNotExist, DataError):  # PostgreSQL rejects NUL
            return None

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fields = super().get_fields(request, obj)  # uid is last, because ActivityRecord overrides it
        return ["uid", *(field for field in fields if field != "uid")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, {**_get_lag(), **(extra_context or {})})
        return response

    @display(description="activity", header=True)
    def activity(self, activity: ActivityRecord) -> list[str]:
        parts = [
            activity.status or "",
            "favourite" if activity.favorite else "",
            f"{activity.rating} of 5" if activity.rating else "",
        ]
        return [", ".join(filter(None, parts)) or "removed", activity.uid]

    @display(description="recorded")
    def recorded(self, activity: ActivityRecord) -> str:
        return _format_time(activity.recorded_at)

    @display(
        description="delivery",
        label={"delivered": "success", "in progress": "info", "not started": "warning"},
    )
    def delivery(self, activity: ActivityRecord) -> str:
        if activity.updated_at is None:
            return "not started"
        return "delivered" if activity.delivered_count >= activity.follower_count else "in progress"

    @display(description="followers reached")
    def followers_reached(self, activity: ActivityRecord) -> str:
        return f"{activity.delivered_count:,} of {activity.follower_count:,}"

    @display(description="duration")
    def duration(self, activity: ActivityRecord) -> str:
        return (
            ""
            if activity.updated_at is None
            else f"{max(activity.updated_at - activity.recorded_at, 0):.1f} s"
        )


@admin.register(Follow)
class FollowAdmin(OrmStoreAdmin):
    list_display = ["follower", "followee", "since"]
    ordering = ["-pk"]
    search_fields = ["follower__exact", "followee__exact"]

    @display(description="since")
    def since(self, follow: Follow) -> str:
        return _format_time(follow.at)


@admin.register(Job)
class JobAdmin(OrmStoreAdmin):
    """Lists unfinished jobs, the oldest first. The sweep queues jobs that are due; the action queues them at once."""

    list_display = ["kind", "subject", "target", "version", "overdue", "next_attempt"]
    list_filter = ["kind"]
    ordering = ["first_due"]
    search_fields = ["subject__exact", "target__exact"]
    actions = ["queue_again"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Of the list: staff may queue jobs again. Of one job: nothing can be edited.
        return obj is None and is_orm_store() and bool(ModelAdmin.has_change_permission(self, request))

    @display(description="overdue for")
    def overdue(self, job: Job) -> str:
        seconds = time.time() - job.first_due
        return f"{seconds:,.0f} s" if seconds > 0 else "not yet"

    @display(description="next attempt")
    def next_attempt(self, job: Job) -> str:
        return _format_time(job.due)

    @admin.action(description="Queue again", permissions=["change"])
    def queue_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        chosen = list(queryset[:MAX_QUEUED])
        try:
            dispatch.get_states()  # raises if the broker is unavailable
            for job in chosen:
                kind = cast("JobKind", job.kind)
                sweep.queue_again(JobValue(kind, job.subject, job.target, job.version, job.due))
        except (OperationalError, *REDIS_UNAVAILABLE):
            self.message_user(
                request,
                "The broker is unavailable. The sweep will queue these jobs later.",
                messages.ERROR,
            )
        else:
            number = len(chosen)
            self.message_user(request, f"{number} job{'' if number == 1 else 's'} queued again.")


def _get_lag() -> dict[str, Any]:
    try:
        return {"lag": lag.measure(now=time.time())}
    except (StoreUnavailable, *REDIS_UNAVAILABLE):
        return {"is_lag_unknown": True}


def _format_time(seconds: float) -> str:
    return format_utc(seconds) if seconds else "never"
