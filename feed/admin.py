"""The feed's machinery for staff: indexes and their builds, and the plan of a viewer."""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
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
from core.redis.client import REDIS_UNAVAILABLE
from feed import tasks
from feed.models import IndexBuild
from feed.pipeline import FEEDS
from feed.services import indexes, inspect

HEAD = 50
HISTORY = 20
NO_REDIS = "Redis gives no answer; what it holds cannot be shown."


class PlanForm(Form):
    uid = CharField(max_length=128, label="Viewer", widget=UnfoldAdminTextInputWidget({"placeholder": "uid"}))
    feed = ChoiceField(choices=[(name, name) for name in FEEDS], label="Feed", widget=UnfoldAdminSelectWidget)


@admin.register(IndexBuild)
class IndexBuildAdmin(ReadOnlyAdmin):
    """The history of builds under the indexes as they are; nothing here is edited."""

    list_display = ["generation", "outcome_label", "started_at", "took", "items", "index_count", "detail"]
    list_filter = ["outcome"]
    sortable_by = None
    list_before_template = "feed/admin/indexes.html"
    list_per_page = 25

    def has_change_permission(self, request: HttpRequest, obj: IndexBuild | None = None) -> bool:
        # On the whole: may rebuild. On one: history is not rewritten.
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

    @display(description="took")
    def took(self, build: IndexBuild) -> str:
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
            "indexes": _overview(),
            "may_rebuild": self.has_change_permission(request),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def rebuild_view(self, request: HttpRequest) -> HttpResponse:
        """Queue a rebuild: a worker does it, the history shows it."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            tasks.rebuild_indexes.delay()
        except OperationalError:
            self.message_user(request, "The broker gives no answer; nothing was queued.", messages.ERROR)
        else:
            self.message_user(request, "A rebuild is queued. It shows below when a worker takes it up.")
        return HttpResponseRedirect(reverse("admin:feed_indexbuild_changelist"))

    def index_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """One index: its head with scores and their terms, and its size in the last builds."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        overview = _overview()
        size = overview.get("sizes", {}).get(name)
        if size is None and "error" not in overview:
            raise Http404(f"no index {name}")
        context = {"indexes": overview, "name": name, "size": size, "history": _history(name)}
        if size is not None:
            context["head"] = _head(name)
        return self._page(request, "feed/admin/index.html", f"Index {name}", context)

    def plan_view(self, request: HttpRequest) -> HttpResponse:
        """A viewer's live plan; by POST, the one that would begin now."""
        if not request.user.has_perm("feed.view_plan"):
            raise PermissionDenied
        preview = request.method == "POST"
        form = PlanForm((request.POST if preview else request.GET) or None)
        context: dict[str, Any] = {"form": form, "preview": preview}
        if form.is_valid():
            context |= _plan(form.cleaned_data["uid"].strip(), form.cleaned_data["feed"], preview=preview)
        return self._page(request, "feed/admin/plan.html", "A viewer's plan", context)

    def _page(self, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
        base = {**self.admin_site.each_context(request), "title": title}
        return TemplateResponse(request, template, base | context)


def _overview() -> dict[str, Any]:
    """What the indexes' page shows, or why it cannot."""
    try:
        status = indexes.status(now=time.time())
    except REDIS_UNAVAILABLE:
        return {"error": NO_REDIS}
    if status.generation is None or status.age_seconds is None:
        return {"error": "There is no index yet. Feeds are served from SQL, and say that they are degraded."}
    rows = [
        [
            format_html(
                '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', _url(name), name
            ),
            f"{size:,}",
        ]
        for name, size in sorted(status.sizes.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    built = timezone.now() - timedelta(seconds=status.age_seconds)
    return {
        "generation": status.generation,
        "age": timesince(built),
        "kept": ", ".join(map(str, status.kept)) or "none",
        "sizes": status.sizes,
        "table": {"headers": ["index", "items"], "rows": rows},
    }


def _url(name: str) -> str:
    return reverse("admin:feed_index", args=[name])


def _head(name: str) -> dict[str, Any]:
    entries = indexes.head(name, count=HEAD)
    titles = _titles([entry.item for entry in entries])
    terms = list(entries[0].terms) if entries else []
    rows = [
        [place, _item(entry.item, titles[entry.item]), f"{entry.score:.4f}"]
        + [f"{entry.terms[term]:.3f}" for term in terms]
        for place, entry in enumerate(entries, start=1)
    ]
    return {"headers": ["", "item", "score", *terms], "rows": rows}


def _history(name: str) -> dict[str, Any]:
    builds = IndexBuild.objects.all()[:HISTORY]
    rows = [
        [build.pk, f"{build.started_at:%Y-%m-%d %H:%M}", build.outcome, f"{build.sizes.get(name, 0):,}"]
        for build in builds
    ]
    return {"headers": ["generation", "started", "outcome", "items"], "rows": rows}


def _plan(uid: str, feed: str, *, preview: bool) -> dict[str, Any]:
    try:
        plan = inspect.preview(uid, feed, now=int(time.time())) if preview else inspect.live_plan(uid, feed)
    except REDIS_UNAVAILABLE:
        return {"error": NO_REDIS}
    if plan is None:
        return {"error": f"{uid} has no session of {feed} now. A preview shows what would be planned."}
    rows = [
        [slot.position + 1, _item(slot.item, slot.title), slot.source, slot.reason, f"{slot.score:.4f}"]
        for slot in plan.slots
    ]
    return {
        "plan": plan,
        "slots": {"headers": ["", "item", "source", "reason", "score"], "rows": rows},
        "receipts": [
            {"shares": _numbers(r["shares"]), "drops": _numbers(r["drops"]), "raw": json.dumps(r, indent=2)}
            for r in plan.receipts
        ],
    }


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def _titles(ids: list[str]) -> dict[str, str | None]:
    found = cards.get_cards(ids)
    return {i: orjson.loads(card)["title"] if card else None for i, card in zip(ids, found, strict=True)}


def _item(item_id: str, title: str | None) -> str:
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a> <span class="text-xs">{}</span>',
        reverse("admin:content_item_change", args=[item_id]),
        title or "no longer published",
        item_id,
    )
