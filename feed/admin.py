"""Admin pages of feed: the indexes and their builds, and a viewer's plan."""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import CharField, ChoiceField, Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from content.services import cards
from core.admin import ReadOnlyAdmin
from core.outages import REDIS_UNAVAILABLE
from feed import tasks
from feed.feed_types import FEED_TYPES
from feed.models import IndexBuild
from feed.services import index_status, inspect

TOP_ITEMS: Final = 50
BUILDS_SHOWN: Final = 20
REDIS_UNAVAILABLE_MESSAGE: Final = "Redis is unavailable. The indexes and plans cannot be shown."


class PlanForm(Form):
    uid = CharField(max_length=128, label="Viewer", widget=UnfoldAdminTextInputWidget({"placeholder": "uid"}))
    feed = ChoiceField(
        choices=[(name, name) for name in FEED_TYPES], label="Feed", widget=UnfoldAdminSelectWidget
    )


@admin.register(IndexBuild)
class IndexBuildAdmin(ReadOnlyAdmin):
    """The indexes, and the history of their builds. Nothing here can be edited."""

    list_display = ["generation", "outcome_label", "started_at", "duration", "items", "index_count", "detail"]
    list_filter = ["outcome"]
    sortable_by = None
    list_before_template = "feed/admin/indexes.html"
    list_per_page = 25

    def has_change_permission(self, request: HttpRequest, obj: IndexBuild | None = None) -> bool:
        # Without an object this is the permission to rebuild. A recorded build cannot be changed.
        return obj is None and bool(ModelAdmin.has_change_permission(self, request))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("rebuild/", wrap(require_POST(self.rebuild_view)), name="feed_rebuild"),
            path("plan/", wrap(self.plan_view), name="feed_plan"),
            path("index/<path:name>/", wrap(self.index_view), name="feed_index"),
        ]
        return [*own, *super().get_urls()]

    @display(description="generation", ordering="pk")
    def generation(self, build: IndexBuild) -> int:
        return build.pk

    @display(
        description="outcome",
        label={"published": "success", "running": "info", "refused": "warning", "failed": "danger"},
    )
    def outcome_label(self, build: IndexBuild) -> str:
        return build.outcome

    @display(description="duration")
    def duration(self, build: IndexBuild) -> str:
        if build.finished_at is None:
            return ""
        return f"{(build.finished_at - build.started_at).total_seconds():.1f} s"

    @display(description="indexes")
    def index_count(self, build: IndexBuild) -> int:
        return len(build.sizes)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "indexes": _get_overview(),
            "may_rebuild": self.has_change_permission(request),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def rebuild_view(self, request: HttpRequest) -> HttpResponse:
        """Queue a rebuild of the indexes."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            tasks.rebuild_indexes.delay()
        except OperationalError:
            self.message_user(request, "The broker is unavailable. Nothing was queued.", messages.ERROR)
        else:
            self.message_user(request, "A rebuild is queued. It appears below when a worker starts it.")
        return HttpResponseRedirect(reverse("admin:feed_indexbuild_changelist"))

    def index_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show one index: its first items with score terms, and its size in the last builds."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        overview = _get_overview()
        size = overview.get("sizes", {}).get(name)
        if size is None and "error" not in overview:
            raise Http404(f"no index {name}")
        context = {"indexes": overview, "name": name, "size": size, "history": _make_history_table(name)}
        if size is not None:
            context["top"] = _make_top_table(name)
        return self._page(request, "feed/admin/index.html", f"Index {name}", context)

    def plan_view(self, request: HttpRequest) -> HttpResponse:
        """Show a viewer's live plan; for a POST, a preview of the plan that a new session would have."""
        if not request.user.has_perm("feed.view_plan"):
            raise PermissionDenied
        preview = request.method == "POST"
        form = PlanForm((request.POST if preview else request.GET) or None)
        context: dict[str, Any] = {"form": form, "preview": preview}
        if form.is_valid():
            context |= _get_plan_context(
                form.cleaned_data["uid"].strip(), form.cleaned_data["feed"], preview=preview
            )
        return self._page(request, "feed/admin/plan.html", "A viewer's plan", context)

    def _page(self, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
        base = {**self.admin_site.each_context(request), "title": title}
        return TemplateResponse(request, template, base | context)


def _get_overview() -> dict[str, Any]:
    """Return the context of the indexes' page, or an error message."""
    try:
        status = index_status.get_status(now=time.time())
    except REDIS_UNAVAILABLE:
        return {"error": REDIS_UNAVAILABLE_MESSAGE}
    if status.generation is None or status.age_seconds is None:
        return {"error": "There is no index yet. Feeds use the catalogue in SQL and report `degraded`."}
    rows = [
        [
            format_html(
                '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
                _get_index_url(name),
                name,
            ),
            f"{size:,}",
        ]
        for name, size in sorted(status.sizes.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    built = timezone.now() - timedelta(seconds=status.age_seconds)
    return {
        "generation": status.generation,
        "age": timesince(built),
        "older_generations": ", ".join(map(str, status.older_generations)) or "none",
        "sizes": status.sizes,
        "table": {"headers": ["index", "items"], "rows": rows},
    }


def _get_index_url(name: str) -> str:
    return reverse("admin:feed_index", args=[name])


def _make_top_table(name: str) -> dict[str, Any]:
    entries = index_status.get_top_entries(name, limit=TOP_ITEMS)
    titles = _get_titles([entry.item for entry in entries])
    terms = list(entries[0].terms) if entries else []
    rows = [
        [rank, _link_item(entry.item, titles[entry.item]), f"{entry.score:.4f}"]
        + [f"{entry.terms[term]:.3f}" for term in terms]
        for rank, entry in enumerate(entries, start=1)
    ]
    return {"headers": ["", "item", "score", *terms], "rows": rows}


def _make_history_table(name: str) -> dict[str, Any]:
    builds = IndexBuild.objects.all()[:BUILDS_SHOWN]
    rows = [
        [build.pk, f"{build.started_at:%Y-%m-%d %H:%M}", build.outcome, f"{build.sizes.get(name, 0):,}"]
        for build in builds
    ]
    return {"headers": ["generation", "started", "outcome", "items"], "rows": rows}


def _get_plan_context(uid: str, feed: str, *, preview: bool) -> dict[str, Any]:
    try:
        plan = (
            inspect.preview_plan(uid, feed, now=int(time.time()))
            if preview
            else inspect.get_live_plan(uid, feed)
        )
    except REDIS_UNAVAILABLE:
        return {"error": REDIS_UNAVAILABLE_MESSAGE}
    if plan is None:
        return {
            "error": f"{uid} has no current session of {feed}. A preview shows the plan that a new session would have."
        }
    rows = [
        [slot.position + 1, _link_item(slot.item, slot.title), slot.source, slot.reason, f"{slot.score:.4f}"]
        for slot in plan.slots
    ]
    return {
        "plan": plan,
        "slots": {"headers": ["", "item", "source", "reason", "score"], "rows": rows},
        "receipts": [
            {
                "shares": _format_counts(r["shares"]),
                "drops": _format_counts(r["drops"]),
                "raw": json.dumps(r, indent=2),
            }
            for r in plan.receipts
        ],
    }


def _format_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def _get_titles(ids: list[str]) -> dict[str, str | None]:
    return dict(zip(ids, cards.get_titles(ids), strict=True))


def _link_item(item_id: str, title: str | None) -> str:
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a> <span class="text-xs">{}</span>',
        reverse("admin:content_item_change", args=[item_id]),
        title or "no longer published",
        item_id,
    )
