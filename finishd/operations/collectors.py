"""The groups of metrics that `/metrics` shows. Each collector is a function, so that one failure omits one group."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from activity.services import lag, metering, pending_history
from analytics.services import lag as event_lag
from analytics.types import READERS
from core import telemetry
from core.circuit import STATES, get_circuit_breakers
from core.observability import clocks
from feed.services import index_status
from finishd.health.report import get_report
from finishd.recovery import losses as redis_losses


def _collect_processes() -> Iterator[Metric]:
    yield from telemetry.ProcessMetricsCollector().collect()


def _collect_circuit_breakers() -> Iterator[Metric]:
    """Report the breakers of the process that answers. All processes call the same dependencies."""
    states = GaugeMetricFamily(
        "finishd_circuit_breaker_state",
        "1 for the current state of each circuit breaker, in the process that answers.",
        labels=["dependency", "state"],
    )
    for name, breaker in get_circuit_breakers().items():
        current = breaker.state
        for state in STATES:
            states.add_metric([name, state], float(state == current))
    yield states


def _collect_readiness() -> Iterator[Metric]:
    """Report the readiness of the process that answers, and its clock."""
    report = get_report()
    parts = GaugeMetricFamily(
        "finishd_part_ready", "1 if the part is ready, for the process that answers.", labels=["part"]
    )
    for name in report.parts:
        parts.add_metric([name], float(name not in report.problems))
    yield parts
    yield clocks.make_metric(report.parts["clock"].get("offsetSeconds", {}))


def _collect_deliveries() -> Iterator[Metric]:
    current = lag.measure(now=time.time())
    durations = GaugeMetricFamily(
        "finishd_delivery_lag_seconds",
        "Time from an activity to its last follower batch, for deliveries finished in the last hour.",
        labels=["quantile"],
    )
    for quantile, seconds in (("0.5", current.p50), ("0.99", current.p99)):
        if seconds is not None:
            durations.add_metric([quantile], seconds)
    yield durations
    yield GaugeMetricFamily(
        "finishd_deliveries_finished",
        "Deliveries finished in the last hour, of the newest 2,000.",
        current.finished,
    )
    yield GaugeMetricFamily(
        "finishd_delivery_oldest_seconds", "Age of the oldest unfinished delivery.", current.oldest_seconds
    )
    jobs = GaugeMetricFamily(
        "finishd_jobs_backlog", "Unfinished jobs, by kind (of the oldest 100).", labels=["kind"]
    )
    for kind, number in sorted(current.backlog.items()):
        jobs.add_metric([kind], number)
    yield jobs


def _collect_pending_history() -> Iterator[Metric]:
    rows, oldest = pending_history.get_backlog(now=time.time())
    yield GaugeMetricFamily("finishd_pending_history_backlog", "Pending history rows.", rows)
    yield GaugeMetricFamily(
        "finishd_pending_history_lag_seconds", "Age of the oldest pending history row.", oldest
    )


def _collect_store_calls() -> Iterator[Metric]:
    totals = metering.get_totals()
    for field, name, text in (
        (metering.CALLS, "calls", "Activity store calls, by endpoint or task."),
        (metering.READ, "documents_read", "Documents read from the activity store, by endpoint or task."),
        (
            metering.WRITTEN,
            "documents_written",
            "Documents written to the activity store, by endpoint or task.",
        ),
    ):
        family = CounterMetricFamily(f"finishd_store_{name}", text, labels=["caller"])
        for caller, total in totals[field].items():
            family.add_metric([caller], total)
        yield family


def _collect_indexes() -> Iterator[Metric]:
    status = index_status.get_status(now=time.time())
    if status.age_seconds is not None:
        yield GaugeMetricFamily(
            "finishd_index_age_seconds", "Age of the current indexes.", status.age_seconds
        )
    sizes = GaugeMetricFamily("finishd_index_items", "Items in each index.", labels=["index"])
    for name, size in status.sizes.items():
        sizes.add_metric([name], size)
    yield sizes


def _collect_events() -> Iterator[Metric]:
    current, dedup = event_lag.measure(now=time.time()), event_lag.get_dedup_health()
    yield from _reader_metrics(current)
    dead_letters = GaugeMetricFamily("finishd_dead_letters", "Dead letters, by reason.", labels=["reason"])
    for reason, number in current.dead_letters_by_reason.items():
        dead_letters.add_metric([reason], number)
    yield dead_letters
    yield CounterMetricFamily(
        "finishd_dead_letters_lost",
        "Dead letters dropped because the table was full.",
        sum(reader.dead_letters_lost for reader in current.readers),
    )
    yield CounterMetricFamily(
        "finishd_stream_resets", "Streams recreated after Redis lost them.", current.stream_resets
    )
    yield GaugeMetricFamily("finishd_dedup_keys", "Dedup keys stored.", dedup.stored)
    yield CounterMetricFamily(
        "finishd_dedup_keys_evicted", "Dedup keys evicted before 48 hours.", dedup.evicted
    )


def _reader_metrics(current: event_lag.Lag) -> Iterator[Metric]:
    backlog = GaugeMetricFamily(
        "finishd_events_backlog", "Unread events, by reader and shard.", labels=["reader", "shard"]
    )
    seconds = GaugeMetricFamily(
        "finishd_events_lag_seconds",
        "Age of the oldest unread event, by reader and shard.",
        labels=["reader", "shard"],
    )
    for entry in current.readers:
        backlog.add_metric([entry.reader, str(entry.shard)], entry.backlog)
        seconds.add_metric([entry.reader, str(entry.shard)], entry.lag_seconds)
    read = CounterMetricFamily("finishd_events_read", "Events read, without duplicates.", labels=["reader"])
    duplicates = CounterMetricFamily(
        "finishd_events_duplicate", "Duplicate events dropped.", labels=["reader"]
    )
    for name in READERS:
        entries = [entry for entry in current.readers if entry.reader == name]
        read.add_metric([name], sum(entry.events for entry in entries))
        duplicates.add_metric([name], sum(entry.duplicates for entry in entries))
    yield from (backlog, seconds, read, duplicates)


def _collect_redis_losses() -> Iterator[Metric]:
    losses = CounterMetricFamily(
        "finishd_redis_losses", "Restarts and failovers of Redis, by what they lost.", labels=["kind"]
    )
    seconds = CounterMetricFamily(
        "finishd_redis_lost_seconds", "Seconds whose writes Redis lost with a restart or failover."
    )
    totals = redis_losses.get_totals()
    for kind, (number, _) in totals.items():
        losses.add_metric([kind], number)
    seconds.add_metric([], sum(lost for _, lost in totals.values()))
    yield from (losses, seconds)


COLLECTORS: Final[dict[str, Callable[[], Iterator[Metric]]]] = {
    "processes": _collect_processes,
    "circuit_breakers": _collect_circuit_breakers,
    "readiness": _collect_readiness,
    "deliveries": _collect_deliveries,
    "events": _collect_events,
    "pending_history": _collect_pending_history,
    "store_calls": _collect_store_calls,
    "indexes": _collect_indexes,
    "redis_losses": _collect_redis_losses,
}
