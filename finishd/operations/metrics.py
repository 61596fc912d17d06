"""/metrics: what Prometheus reads: what all processes of this machine counted, and what is measured as it asks."""

import hmac
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from activity.services import lag, metering, pending_history
from analytics.services import lag as event_lag
from analytics.types import READERS
from core import telemetry
from core.circuit import STATES, get_circuit_breakers
from feed.services import indexes

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for staff and for who bears METRICS_TOKEN.

    Without a METRICS_TOKEN in the environment there is nothing here for anybody but staff (404).
    """
    if not _is_staff(request.user) and not _has_metrics_token(request):
        if not settings.METRICS_TOKEN:
            raise Http404
        return HttpResponse("A token is needed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LiveMetricsCollector())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


class LiveMetricsCollector(Collector):
    """Asks each part; one that gives no answer is left out, and `finishd_part_up` says so."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("finishd_part_up", "Whether a part could be measured.", labels=["part"])
        for name, measure in COLLECTORS.items():
            try:
                found = list(measure())
            except Exception:
                logger.warning("metrics: %s could not be measured", name, exc_info=True)
                up.add_metric([name], 0)
            else:
                up.add_metric([name], 1)
                yield from found
        yield up


def _counted() -> Iterator[Metric]:
    yield from telemetry.ProcessMetricsCollector().collect()


def _breakers() -> Iterator[Metric]:
    """Of the process that answers, which is as good as any other: all of them call the same parts."""
    states = GaugeMetricFamily(
        "finishd_breaker_state",
        "1 for the state of each breaker, in the process that was asked.",
        labels=["breaker", "state"],
    )
    for name, breaker in get_circuit_breakers().items():
        now = breaker.state
        for state in STATES:
            states.add_metric([name, state], float(state == now))
    yield states


def _deliveries() -> Iterator[Metric]:
    now = lag.measure(now=time.time())
    took = GaugeMetricFamily(
        "finishd_delivery_lag_seconds",
        "From a deed to its last chunk of followers, of deliveries finished in the last hour.",
        labels=["quantile"],
    )
    for quantile, seconds in (("0.5", now.p50), ("0.99", now.p99)):
        if seconds is not None:
            took.add_metric([quantile], seconds)
    yield took
    yield GaugeMetricFamily(
        "finishd_deliveries_finished", "Deliveries finished in the last hour, the newest 2,000.", now.finished
    )
    yield GaugeMetricFamily(
        "finishd_delivery_oldest_seconds", "Age of the oldest delivery under way.", now.oldest_seconds
    )
    waiting = GaugeMetricFamily(
        "finishd_jobs_waiting", "Unfinished jobs, the oldest 100 of all kinds.", labels=["kind"]
    )
    for kind, number in sorted(now.backlog.items()):
        waiting.add_metric([kind], number)
    yield waiting


def _histories() -> Iterator[Metric]:
    rows, oldest = pending_history.get_backlog(now=time.time())
    yield GaugeMetricFamily("finishd_histories_pending", "Rows of seen items that wait for the store.", rows)
    yield GaugeMetricFamily("finishd_histories_pending_seconds", "Age of the oldest of them.", oldest)


def _store_calls() -> Iterator[Metric]:
    totals = metering.get_totals()
    for kind, name, text in (
        (metering.CALLS, "calls", "Calls of the activity store, by endpoint or task."),
        (metering.READ, "documents_read", "Documents read in the activity store, by endpoint or task."),
        (metering.WRITTEN, "documents_written", "Documents written in the activity store, likewise."),
    ):
        family = CounterMetricFamily(f"finishd_store_{name}", text, labels=["by"])
        for label, total in totals[kind].items():
            family.add_metric([label], total)
        yield family


def _indexes() -> Iterator[Metric]:
    status = indexes.status(now=time.time())
    if status.age_seconds is not None:
        yield GaugeMetricFamily("finishd_index_age_seconds", "Since the last rebuild.", status.age_seconds)
    sizes = GaugeMetricFamily("finishd_index_items", "Items in an index.", labels=["index"])
    for name, size in status.sizes.items():
        sizes.add_metric([name], size)
    yield sizes


def _analytics() -> Iterator[Metric]:
    now, dedup = event_lag.measure(now=time.time()), event_lag.get_dedup_health()
    waiting = GaugeMetricFamily(
        "finishd_events_waiting", "Events that a reader has not had, by shard.", labels=["reader", "shard"]
    )
    seconds = GaugeMetricFamily(
        "finishd_events_waiting_seconds", "Age of the oldest of them.", labels=["reader", "shard"]
    )
    for shard in now.readers:
        waiting.add_metric([shard.reader, str(shard.shard)], shard.backlog)
        seconds.add_metric([shard.reader, str(shard.shard)], shard.lag_seconds)
    yield from (waiting, seconds)
    read = CounterMetricFamily(
        "finishd_events_read", "Events that a reader took, each once.", labels=["reader"]
    )
    repeated = CounterMetricFamily(
        "finishd_events_duplicate", "Repeated events that a reader dropped.", labels=["reader"]
    )
    for name in READERS:
        shards = [shard for shard in now.readers if shard.reader == name]
        read.add_metric([name], sum(shard.events for shard in shards))
        repeated.add_metric([name], sum(shard.duplicates for shard in shards))
    yield from (read, repeated)
    letters = GaugeMetricFamily(
        "finishd_dead_letters", "Events that could not be counted.", labels=["reason"]
    )
    for reason, number in now.dead_letters_by_reason.items():
        letters.add_metric([reason], number)
    yield letters
    yield CounterMetricFamily(
        "finishd_dead_letters_lost",
        "Events that could not be counted either, and found no room.",
        sum(shard.dead_letters_lost for shard in now.readers),
    )
    yield CounterMetricFamily(
        "finishd_stream_resets", "Streams that began anew, because Redis lost them.", now.stream_resets
    )
    yield GaugeMetricFamily(
        "finishd_marks", "Marks by which repeated events and votes are told.", dedup.stored
    )
    yield CounterMetricFamily(
        "finishd_marks_evicted", "Marks that had to go before they were 48 hours old.", dedup.evicted
    )


COLLECTORS: Final[dict[str, Callable[[], Iterator[Metric]]]] = {
    "processes": _counted,
    "breakers": _breakers,
    "deliveries": _deliveries,
    "analytics": _analytics,
    "histories": _histories,
    "store_calls": _store_calls,
    "indexes": _indexes,
}


def _is_staff(user: AbstractBaseUser | AnonymousUser) -> bool:
    return user.is_active and bool(getattr(user, "is_staff", False))


def _has_metrics_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted: str = settings.METRICS_TOKEN
    same = hmac.compare_digest(token.strip().encode(), wanted.encode())
    return bool(wanted) and scheme.lower() == "bearer" and same
