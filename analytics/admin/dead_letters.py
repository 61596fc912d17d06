"""The admin page of dead letters: staff replay them, or discard them."""

from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

from analytics.admin.payloads import format_payload
from analytics.models import DeadLetter
from analytics.services import dead_letters
from core.admin import ReadOnlyAdmin
from core.outages import REDIS_UNAVAILABLE
from core.times import format_utc

Reason = DeadLetter.Reason

REASON_DESCRIPTIONS = {
    Reason.UNKNOWN_ITEM: "the item is not in the catalogue",
    Reason.UNREADABLE: "the payload is not an event",
}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("staff", "Needs review"), ("retrying", "Retrying")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        retrying = dead_letters.retry_condition(now=timezone.now())
        conditions = {"staff": ~retrying, "retrying": retrying}
        return queryset.filter(conditions.get(self.value() or "", Q()))


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Replay or discard dead letters, one or all that a filter finds."""

    list_display = ["reason_label", "kind", "item", "viewer", "state", "received", "occurred"]
    list_filter = [StateFilter, "reason", "created_at"]
    ordering = ["-created_at", "-pk"]
    search_fields = ["item__exact", "viewer__exact"]
    search_help_text = "An exact item id or uid"
    actions = ["replay", "discard"]
    list_before_template = "analytics/admin/dead_letters.html"
    fieldsets = [
        (None, {"fields": ["reason_label", "state", "kind", "item", "viewer", "received", "occurred"]}),
        ("Raw entry", {"fields": ["shard", "entry_id", "formatted_payload"]}),
    ]

    # Without an object, these say who may replay and discard. A single dead letter cannot be edited.
    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and bool(ModelAdmin.has_change_permission(self, request))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and bool(ModelAdmin.has_delete_permission(self, request))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Remove Django's delete action, whose confirmation page lists every object. `discard` replaces it."""
        return {name: a for name, a in super().get_actions(request).items() if name != "delete_selected"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        queryset: QuerySet[DeadLetter] = super().get_queryset(request)
        return queryset.annotate(retrying=dead_letters.retry_condition(now=timezone.now()))

    @display(
        description="reason",
        label={Reason.UNKNOWN_ITEM.label: "warning", Reason.UNREADABLE.label: "danger"},
    )
    def reason_label(self, letter: DeadLetter) -> str:
        return letter.get_reason_display()

    @display(description="kind")
    def kind(self, letter: DeadLetter) -> str:
        event = dead_letters.parse_event(letter)
        return "unreadable" if event is None else event.kind

    @display(description="state", label={"retrying": "info", "needs review": "warning"})
    def state(self, letter: DeadLetter) -> str:
        return "retrying" if vars(letter)["retrying"] else "needs review"

    @display(description="received")
    def received(self, letter: DeadLetter) -> str:
        return format_utc(letter.created_at.timestamp())

    @display(description="occurred")
    def occurred(self, letter: DeadLetter) -> str:
        event = dead_letters.parse_event(letter)
        return "unreadable" if event is None else format_utc(event.occurred_at)

    @display(description="payload")
    def formatted_payload(self, letter: DeadLetter) -> str:
        return format_html(
            '<pre class="whitespace-pre-wrap break-all text-xs">{}</pre>', format_payload(letter)
        )

    @admin.action(description="Replay", permissions=["change"])
    def replay(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        pks = _get_pks(queryset)
        counted = 0
        try:
            for start in range(0, len(pks), dead_letters.LETTERS_PER_TRANSACTION):
                chunk = pks[start : start + dead_letters.LETTERS_PER_TRANSACTION]
                counted += dead_letters.replay(chunk, now=timezone.now()).counted
        except REDIS_UNAVAILABLE:
            text = f"Redis is unavailable. {_count_letters(counted)} counted; the others remain."
            self.message_user(request, text, messages.ERROR)
            return
        remaining = Counter(DeadLetter.objects.filter(pk__in=pks).values_list("reason", flat=True))
        reasons = "; ".join(
            f"{number:,} not counted: {REASON_DESCRIPTIONS[Reason(reason)]}"
            for reason, number in remaining.items()
        )
        self.message_user(
            request,
            f"{_count_letters(counted)} counted." + (f" {reasons}." if reasons else ""),
            messages.WARNING if remaining else messages.SUCCESS,
        )

    @admin.action(description="Discard", permissions=["delete"])
    def discard(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        pks = _get_pks(queryset)
        if "confirmed" in request.POST:
            self._report_discarded(request, dead_letters.discard(pks))
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Discard dead letters",
            "number": len(pks),
            "selected_pks": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across") == "1",
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "analytics/admin/confirm_discard.html", context)

    def _report_discarded(self, request: HttpRequest, discarded: int) -> None:
        """Report how many were discarded. Others may have been counted or discarded since staff confirmed."""
        posted = request.POST["confirmed"]
        confirmed = int(posted) if posted.isdecimal() else discarded
        if discarded >= confirmed:
            self.message_user(request, f"{_count_letters(discarded)} discarded.")
            return
        text = f"{discarded:,} of {_count_letters(confirmed)} discarded; the others no longer existed."
        self.message_user(request, text, messages.WARNING)


def _get_pks(queryset: QuerySet[DeadLetter]) -> list[int]:
    """Return the keys of the selected dead letters, oldest first, no more than the table can hold."""
    return list(queryset.order_by("pk").values_list("pk", flat=True)[: dead_letters.MAX_DEAD_LETTERS])


def _count_letters(number: int) -> str:
    return f"{number:,} dead letter{'' if number == 1 else 's'}"
