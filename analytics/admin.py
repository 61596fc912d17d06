"""The event streams and their dead letters, for staff: how far readers are, and what could not be counted."""

import time
from collections import Counter
from typing import Any

import orjson
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

from analytics.models import Checkpoint, DeadLetter
from analytics.services import lag, letters
from core.admin import ReadOnlyAdmin
from core.redis.client import REDIS_UNAVAILABLE
from core.times import format_utc

Reason = DeadLetter.Reason

REASONS = {
    Reason.UNKNOWN_ITEM: "the catalogue does not have the item",
    Reason.BROKEN: "it cannot be read as an event",
}


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Each reader in each shard, under what all of them are behind. One measurement serves the whole page."""

    list_display = [
        "reader",
        "shard",
        "waiting",
        "oldest",
        "rate_now",
        "events",
        "duplicates",
        "letters_lost",
        "resets",
        "moved",
    ]
    list_filter = ["reader"]
    ordering = ["reader", "shard"]
    list_before_template = "analytics/admin/lag.html"
    list_after_template = "analytics/admin/columns.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = _lag()
        context = {
            "lag": found,
            "late_after": lag.LATE_AFTER,
            "letters": letters.standing(now=timezone.now()),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        if isinstance(response, TemplateResponse) and response.context_data:
            _attach(response.context_data["cl"], found)
        return response

    @display(description="waiting")
    def waiting(self, checkpoint: Checkpoint) -> str:
        live = _live(checkpoint)
        return "unknown" if live is None else f"{live.waiting:,}"

    @display(description="oldest for")
    def oldest(self, checkpoint: Checkpoint) -> str:
        live = _live(checkpoint)
        return "unknown" if live is None else f"{live.seconds:,.0f} s"

    @display(description="events per second")
    def rate_now(self, checkpoint: Checkpoint) -> str:
        live = _live(checkpoint)
        return "unknown" if live is None else f"{live.rate:,.1f}"

    @display(description="moved")
    def moved(self, checkpoint: Checkpoint) -> str:
        return format_utc(checkpoint.moved_at.timestamp()) if checkpoint.moved_at else "never"


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("staff", "Waits for staff"), ("held", "Held")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        held = letters.held(now=timezone.now())
        conditions = {"staff": ~held, "held": held}
        return queryset.filter(conditions.get(self.value() or "", Q()))


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """What could not be counted. Staff count it after all, or drop it; singly or as many as a filter finds."""

    list_display = ["reason_label", "kind", "item", "viewer", "state", "put_aside", "happened"]
    list_filter = [StateFilter, "reason", "created_at"]
    ordering = ["-created_at", "-pk"]
    search_fields = ["item__exact", "viewer__exact"]
    search_help_text = "A whole item id or uid"
    actions = ["replay", "discard"]
    list_before_template = "analytics/admin/letters.html"
    fieldsets = [
        (None, {"fields": ["reason_label", "state", "kind", "item", "viewer", "put_aside", "happened"]}),
        ("As it came", {"fields": ["shard", "event", "what_came"]}),
    ]

    # On the whole: may replay or discard. On one: nothing to edit, and the same actions to choose.
    def has_change_permission(self, request: HttpRequest, obj: DeadLetter | None = None) -> bool:
        return obj is None and bool(ModelAdmin.has_change_permission(self, request))

    def has_delete_permission(self, request: HttpRequest, obj: DeadLetter | None = None) -> bool:
        return obj is None and bool(ModelAdmin.has_delete_permission(self, request))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's deletion, which would list thousands of letters: `discard` is the way."""
        return {name: a for name, a in super().get_actions(request).items() if name != "delete_selected"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        queryset: QuerySet[DeadLetter] = super().get_queryset(request)
        return queryset.annotate(held=letters.held(now=timezone.now()))

    @display(
        description="reason",
        label={Reason.UNKNOWN_ITEM.label: "warning", Reason.BROKEN.label: "danger"},
    )
    def reason_label(self, letter: DeadLetter) -> str:
        return letter.get_reason_display()

    @display(description="kind")
    def kind(self, letter: DeadLetter) -> str:
        event = letters.event_of(letter)
        return "unreadable" if event is None else event.kind

    @display(description="state", label={"held": "info", "waits for staff": "warning"})
    def state(self, letter: DeadLetter) -> str:
        return "held" if letter.held else "waits for staff"  # type: ignore[attr-defined]

    @display(description="put aside")
    def put_aside(self, letter: DeadLetter) -> str:
        return format_utc(letter.created_at.timestamp())

    @display(description="happened")
    def happened(self, letter: DeadLetter) -> str:
        event = letters.event_of(letter)
        return "unreadable" if event is None else format_utc(event.at)

    @display(description="what came")
    def what_came(self, letter: DeadLetter) -> str:
        return format_html('<pre class="whitespace-pre-wrap break-all text-xs">{}</pre>', _readable(letter))

    @admin.action(description="Replay", permissions=["change"])
    def replay(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        chosen = _pks(queryset)
        counted = 0
        try:
            for start in range(0, len(chosen), letters.AT_ONCE):
                counted += letters.replay(chosen[start : start + letters.AT_ONCE]).counted
        except REDIS_UNAVAILABLE:
            self.message_user(
                request, f"Redis gives no answer; {counted:,} counted, the others stay.", messages.ERROR
            )
            return
        left = Counter(DeadLetter.objects.filter(pk__in=chosen).values_list("reason", flat=True))
        why = "; ".join(f"{number:,} stay: {REASONS[Reason(reason)]}" for reason, number in left.items())
        self.message_user(
            request,
            f"{_letters(counted)} counted." + (f" {why}." if why else ""),
            messages.WARNING if left else messages.SUCCESS,
        )

    @admin.action(description="Discard", permissions=["delete"])
    def discard(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        chosen = _pks(queryset)
        if "confirmed" in request.POST:
            self._told_of(request, letters.discard(chosen))
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Discard dead letters",
            "number": len(chosen),
            "ticked": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "across": request.POST.get("select_across") == "1",
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "analytics/admin/discard.html", context)

    def _told_of(self, request: HttpRequest, discarded: int) -> None:
        """Say how many went: of those that staff confirmed, some may have been counted or discarded meanwhile."""
        confirmed = request.POST["confirmed"]
        asked = int(confirmed) if confirmed.isdecimal() else discarded
        if discarded >= asked:
            self.message_user(request, f"{_letters(discarded)} discarded.")
            return
        text = f"{discarded:,} of {_letters(asked)} discarded; the rest was no longer there."
        self.message_user(request, text, messages.WARNING)


def _lag() -> lag.Lag | None:
    try:
        return lag.measure(now=time.time())
    except REDIS_UNAVAILABLE:
        return None


def _attach(changes: ChangeList, found: lag.Lag | None) -> None:
    """Give the page's rows what was measured of them."""
    measured = {(shard.reader, shard.shard): shard for shard in found.shards} if found else {}
    for checkpoint in changes.result_list:
        checkpoint.live = measured.get((checkpoint.reader, checkpoint.shard))


def _live(checkpoint: Checkpoint) -> lag.Shard | None:
    live: lag.Shard | None = vars(checkpoint).get("live")
    return live


def _pks(queryset: QuerySet[DeadLetter]) -> list[int]:
    """In the order in which they came; all there can be at most."""
    return list(queryset.order_by("pk").values_list("pk", flat=True)[: letters.MOST])


def _letters(number: int) -> str:
    return f"{number:,} letter{'' if number == 1 else 's'}"


def _readable(letter: DeadLetter) -> str:
    """The event by its fields, or what came instead of one."""
    event = letters.event_of(letter)
    if event is not None:
        shown: Any = event._asdict() | {"digest": event.digest.hex()}
    else:
        shown = _opened(letter.payload)
        if isinstance(shown, dict):
            shown = {name: _opened(text) for name, text in shown.items()}
    return shown if isinstance(shown, str) else orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()


def _opened(text: Any) -> Any:
    """What a text of JSON holds; any other text as it is (a long one was cut)."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text
