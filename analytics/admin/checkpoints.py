"""The admin page of event streams: the backlog and lag of each reader in each shard."""

import time
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import display

from analytics.models import Checkpoint
from analytics.services import dead_letters, lag
from core.admin import ReadOnlyAdmin
from core.outages import REDIS_UNAVAILABLE
from core.times import format_utc


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Show each reader's lag below the total. One measurement serves the whole page."""

    list_display = [
        "reader",
        "shard",
        "backlog",
        "lag",
        "current_rate",
        "events",
        "duplicates",
        "dead_letters_lost",
        "stream_resets",
        "last_batch",
    ]
    list_filter = ["reader"]
    ordering = ["reader", "shard"]
    list_before_template = "analytics/admin/lag.html"
    list_after_template = "analytics/admin/column_notes.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        measured = _measure_lag()
        context = {
            "lag": measured,
            "late_after": lag.LATE_AFTER_SECONDS,
            "dead_letters": dead_letters.get_totals(now=timezone.now()),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        if isinstance(response, TemplateResponse) and response.context_data:
            _attach_lag(response.context_data["cl"], measured)
        return response

    @display(description="backlog")
    def backlog(self, checkpoint: Checkpoint) -> str:
        live = _get_live_lag(checkpoint)
        return "unknown" if live is None else f"{live.backlog:,}"

    @display(description="lag")
    def lag(self, checkpoint: Checkpoint) -> str:
        live = _get_live_lag(checkpoint)
        return "unknown" if live is None else f"{live.lag_seconds:,.0f} s"

    @display(description="events per second")
    def current_rate(self, checkpoint: Checkpoint) -> str:
        live = _get_live_lag(checkpoint)
        return "unknown" if live is None else f"{live.rate:,.1f}"

    @display(description="last batch")
    def last_batch(self, checkpoint: Checkpoint) -> str:
        return format_utc(checkpoint.advanced_at.timestamp()) if checkpoint.advanced_at else "never"


def _measure_lag() -> lag.Lag | None:
    try:
        return lag.measure(now=time.time())
    except REDIS_UNAVAILABLE:
        return None


def _attach_lag(changes: ChangeList, measured: lag.Lag | None) -> None:
    """Add the measurement to the page's rows, as the attribute `live`."""
    by_reader = {(row.reader, row.shard): row for row in measured.readers} if measured else {}
    for checkpoint in changes.result_list:
        checkpoint.live = by_reader.get((checkpoint.reader, checkpoint.shard))


def _get_live_lag(checkpoint: Checkpoint) -> lag.ReaderLag | None:
    live: lag.ReaderLag | None = vars(checkpoint).get("live")
    return live
