"""The tiles of the admin's first page."""

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from activity.services import lag
from activity.services.storage import is_orm_store
from activity.types import StoreUnavailable
from analytics.services import dead_letters
from analytics.services import lag as event_lag
from content.services import curation
from core.circuit import get_circuit_breakers
from core.outages import REDIS_UNAVAILABLE
from feed.services import index_status
from finishd.health.report import get_report


@dataclass(frozen=True, slots=True)
class Tile:
    """A number and the page that explains it. Tiles with `needs_attention` are red."""

    title: str
    value: str
    note: str
    link: str
    needs_attention: bool = False


def add_tiles(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the tiles that the user may see. Cost: 6 SQL, 3 round trips, 1 store call, and a report of readiness."""
    tiles: list[Tile] = []
    if request.user.has_perm("content.view_item"):
        tiles += _catalogue(curation.get_overview())
    if request.user.has_perm("feed.view_indexbuild"):
        tiles.append(_indexes())
    if request.user.has_perm("activity.view_activity"):
        tiles.append(_deliveries())
    if request.user.has_perm("analytics.view_checkpoint"):
        tiles.append(_events())
    if request.user.has_perm("analytics.view_deadletter"):
        tiles.append(_dead_letters())
    tiles += [_readiness(), _dependencies()]
    return {**context, "title": "Dashboard", "tiles": tiles}


def _catalogue(numbers: curation.Overview) -> list[Tile]:
    items, genres = reverse("admin:content_item_changelist"), reverse("admin:content_genre_changelist")
    return [
        Tile(
            "Published items",
            f"{numbers.published:,}",
            "in search and feeds",
            f"{items}?status__exact=published",
        ),
        Tile(
            "Drafts",
            f"{numbers.draft:,}",
            f"and {numbers.archived:,} archived",
            f"{items}?status__exact=draft",
        ),
        Tile(
            "Genres to review",
            f"{numbers.unreviewed_genres:,}",
            "created by an import",
            f"{genres}?reviewed__exact=0",
            needs_attention=numbers.unreviewed_genres > 0,
        ),
        Tile(
            "Cards to write",
            f"{numbers.stale_cards:,}",
            "stale; the sweep writes them each minute",
            reverse("admin:django_celery_beat_periodictask_changelist"),
            needs_attention=numbers.stale_cards > 0,
        ),
    ]


def _indexes() -> Tile:
    link = reverse("admin:feed_indexbuild_changelist")
    try:
        status = index_status.get_status(now=time.time())
    except REDIS_UNAVAILABLE:
        return Tile("Indexes", "unknown", "Redis is unavailable", link, needs_attention=True)
    if status.age_seconds is None:
        return Tile("Indexes", "none", "feeds use the catalogue in SQL", link, needs_attention=True)
    return Tile(
        "Indexes",
        timesince(timezone.now() - timedelta(seconds=status.age_seconds), depth=1),
        f"old, generation {status.generation}",
        link,
        needs_attention=status.age_seconds > settings.INDEX_STALE_SECONDS,
    )


def _deliveries() -> Tile:
    link = reverse("admin:activity_activityrecord_changelist") if is_orm_store() else ""
    try:
        measured = lag.measure(now=time.time())
    except (StoreUnavailable, *REDIS_UNAVAILABLE):
        return Tile(
            "Deliveries", "unknown", "The activity store or Redis is unavailable", link, needs_attention=True
        )
    backlog = f"{sum(measured.backlog.values()):,} unfinished jobs"
    if measured.p99 is None:
        return Tile("Deliveries", "none", f"in the last hour; {backlog}", link, needs_attention=measured.late)
    note = f"99th percentile of the last hour; {backlog}"
    return Tile("Deliveries", f"{measured.p99:.1f} s", note, link, needs_attention=measured.late)


def _events() -> Tile:
    link = reverse("admin:analytics_checkpoint_changelist")
    try:
        measured = event_lag.measure(now=time.time())
    except REDIS_UNAVAILABLE:
        return Tile("Events", "unknown", "Redis is unavailable", link, needs_attention=True)
    if not measured.backlog:
        return Tile("Events", "0", "unread", link)
    note = f"unread; the oldest is {measured.lag_seconds:,.0f} s old"
    return Tile("Events", f"{measured.backlog:,}", note, link, needs_attention=measured.late)


def _dead_letters() -> Tile:
    link = reverse("admin:analytics_deadletter_changelist")
    totals = dead_letters.get_totals(now=timezone.now())
    note = f"to review; {totals.retrying:,} retrying" if totals.retrying else "to review"
    return Tile(
        "Dead letters",
        f"{totals.needs_review:,}",
        note,
        f"{link}?state=staff",
        needs_attention=totals.needs_review > 0,
    )


def _readiness() -> Tile:
    """Show what `/health/ready` reports, and why."""
    report = get_report()
    note = " ".join(f"{name}: {reason}" for name, reason in report.problems.items())
    return Tile(
        "Readiness",
        "ready" if report.is_ready else f"not ready: {', '.join(report.problems)}",
        note or "all parts that the service needs work",
        reverse("health-ready"),
        needs_attention=not report.is_ready,
    )


def _dependencies() -> Tile:
    """Report open circuit breakers. They are what this process knows without making calls."""
    unavailable = [name for name, breaker in get_circuit_breakers().items() if breaker.state != "closed"]
    note = f"by the circuit breakers of web process {os.getpid()}; see readiness for a check"
    link = reverse("health-ready")
    return Tile(
        "Dependencies",
        f"{', '.join(unavailable)} unavailable" if unavailable else "available",
        note,
        link,
        needs_attention=bool(unavailable),
    )
