"""Events: accepted by the endpoint, read by the counts reader, and their effect on pages."""

import json
import threading
import time
from datetime import UTC, datetime
from typing import Final

from bench import names
from bench.context import BenchContext
from bench.deployment import Deployment
from bench.errors import RunFailed
from bench.families.pages import make_load
from bench.families.rows import make_p99_row, make_throughput_row
from bench.load import Figures, Load, Request, fetch, run_alternately, run_load
from bench.results import Result, Row
from bench.statistics import median, percentile
from bench.web import WebServer, start_beat, start_worker

BATCH_SIZES: Final = (1, 50, 200)  # Events in a request.
BODIES: Final = 20  # Different request bodies.
COUNTED_SECONDS: Final = 30.0


def run(context: BenchContext) -> Result:
    """Measure accepting, draining on both databases, the delay until an event is counted, and a burst."""
    result, main = Result(), context.get_deployment()
    _measure_accepting(context, main, result)
    _measure_draining(context, result)
    _measure_delay_and_burst(context, main, result)
    return result


def _measure_accepting(context: BenchContext, main: Deployment, result: Result) -> None:
    """Measure one web process. The streams are emptied before each load."""
    web = main.start_web(processes=1)
    seconds, monitored = context.scale.seconds, main.monitored_processes
    try:
        for size in BATCH_SIZES:
            bodies = _make_requests(context, main, size)
            floor = Request(f"/api/v1/floor/events?events={size}", bodies[0].token, bodies[0].body)
            found = run_alternately(
                {
                    "events": Load(web, bodies, seconds, 8, monitored),
                    "floor": Load(web, [floor], seconds, 8, monitored),
                },
                rounds=context.scale.rounds,
                before=lambda: main.call("bench.remote.events.reset"),
            )
            accepted, bare = (_multiply(found[name], size) for name in ("events", "floor"))
            name = "events.accepted" if size == 50 else f"events.accepted_by_{size}"
            result.rows.append(make_throughput_row(name, accepted, bare, unit="events/s"))
    finally:
        main.servers.stop(web.process)
        main.call("bench.remote.events.reset")


def _multiply(figures: Figures, size: int) -> Figures:
    return Figures(figures.throughput * size, figures.p50, figures.p99, figures.limited_by)


def _make_requests(context: BenchContext, main: Deployment, size: int) -> list[Request]:
    viewers = [
        names.viewer(context.scale.default_followees, number % context.scale.viewers)
        for number in range(BODIES)
    ]
    timestamp = datetime.now(UTC).isoformat()
    return [
        Request("/api/v1/analytics/event", token, _make_body(main, index * size, size, timestamp))
        for index, token in enumerate(main.get_tokens(viewers))
    ]


def _make_body(main: Deployment, first: int, size: int, timestamp: str) -> str:
    events = [
        {
            "eventId": f"bench-{number}",
            "eventType": "view",
            "itemId": names.item_id(1 + number * 7_919 % main.items),
            "timestamp": timestamp,
            "durationWatched": 12,
            "metadata": {"screen": "feed"},
        }
        for number in range(first, first + size)
    ]
    return json.dumps({"events": events}, separators=(",", ":"))


def _measure_draining(context: BenchContext, result: Result) -> None:
    """Measure one process that calls the service which the task calls."""
    postgresql = context.create_empty("events")
    result.rows += _drain(context, postgresql, "events.drained")
    result.rows += _drain(context, postgresql, "events.drained_skewed", skewed=True)[:1]
    sqlite = context.create_empty("events_sqlite", sqlite=True)
    result.rows += [row for row in _drain(context, sqlite, "events.drained_sqlite") if not row.unit]
    sqlite.close()
    _measure_backlog(context, postgresql, result)
    postgresql.close()


def _drain(context: BenchContext, deployment: Deployment, name: str, *, skewed: bool = False) -> list[Row]:
    events, items = context.scale.drained_events, context.scale.items
    if not skewed:
        deployment.call("bench.remote.seed.seed_items", count=items)
    drained, floors = [], []
    found: dict[str, float] = {}
    for _ in range(context.scale.rounds):
        deployment.call("bench.remote.events.reset")
        deployment.call("bench.remote.events.append_events", events=events, items=items, skewed=skewed)
        floors.append(deployment.call("bench.remote.events.drain_floor"))
        found = deployment.call("bench.remote.events.drain_all")
        if found["events"] != events:
            raise RunFailed(f"{found['events']:.0f} of {events} events were counted")
        drained.append(found["seconds"])
    seconds, floor = median(drained), median(floors)
    per_10_000 = 10_000 / events
    return [
        Row(
            name,
            floor / seconds,
            figure=events / seconds,
            floor=events / floor,
            figure_unit="events/s",
            limited_by="one process: dedup keys and sums in Python, scripts in Redis",
        ),
        Row("events.sql", found["sql"] * per_10_000, unit="statements per 10,000"),
        Row("events.redis_commands", found["commands"] * per_10_000, unit="commands per 10,000"),
    ]


def _measure_backlog(context: BenchContext, deployment: Deployment, result: Result) -> None:
    """Measure the cost of a further batch and the memory of the streams, for growing backlogs."""
    deployment.call("bench.remote.events.reset")
    items, backlog, megabytes = context.scale.items, 0, 0.0
    for target in context.scale.backlog_sizes:
        append = "bench.remote.events.append_events"
        deployment.call(append, events=target - backlog, items=items, first=backlog)
        seconds = deployment.call(append, events=2_000, items=items, first=10_000_000 + target)
        backlog = target
        found = deployment.call("bench.remote.events.measure_backlog")
        megabytes = found["bytes"] / 1e6
        result.add_point("append of 2,000 events, ms, by events waiting", target, 1_000 * seconds)
        result.add_point("MB in Redis, by events waiting", target, megabytes)
    per_million = megabytes * 1e6 / max(found["events"], 1)
    result.rows.append(Row("events.waiting", per_million, unit="MB per million"))


def _measure_delay_and_burst(context: BenchContext, main: Deployment, result: Result) -> None:
    """Measure with a worker and beat, as in production."""
    main.call("bench.remote.events.reset")
    worker = start_worker(main.servers, main.settings, "sweeps", "events")
    beat = start_beat(main.servers, main.settings)
    try:
        # The first event includes the start of the worker.
        delays = [_count_one(context, main, number) for number in range(context.scale.repetitions + 1)][1:]
        result.rows.append(
            Row(
                "events.visible",
                median(delays),
                unit="s",
                p50=1_000 * median(delays),
                p99=1_000 * percentile(delays),
                limited_by="beat's two seconds between drains",
            )
        )
        _measure_burst(context, main, result)
    finally:
        for process in (beat, worker):
            main.servers.stop(process)
        main.call("bench.remote.events.reset")


def _count_one(context: BenchContext, main: Deployment, number: int) -> float:
    """Send an event and return the seconds until its item's count rises."""
    item = names.item_id(number + 1)
    token = main.get_token(names.viewer(context.scale.default_followees, 0))
    event = {"eventType": "like", "itemId": item, "timestamp": datetime.now(UTC).isoformat()}
    before = main.call("bench.remote.events.get_count", item=item)
    start = time.monotonic()
    fetch(main.get_web(), Request("/api/v1/analytics/event", token, json.dumps({"events": [event]})))
    while main.call("bench.remote.events.get_count", item=item) == before:
        if time.monotonic() - start > COUNTED_SECONDS:
            raise RunFailed(f"timeout: an event was not counted within {COUNTED_SECONDS:.0f} s")
        time.sleep(0.01)
    return time.monotonic() - start


def _measure_burst(context: BenchContext, main: Deployment, result: Result) -> None:
    """Compare pages over two connections without other load and while a second server accepts events."""
    sessions = main.start_sessions(context.get_viewers(), limit=10)
    pages = make_load(main, main.next_page_requests(sessions, limit=10), context.scale, connections=2)
    event_server = main.start_web(processes=1)
    try:
        alone = run_load(pages)
        burst = _run_during_burst(context, main, event_server, pages)
    finally:
        main.servers.stop(event_server.process)
    result.rows.append(make_p99_row("events.pages_in_a_burst", burst, alone))


def _run_during_burst(
    context: BenchContext, main: Deployment, event_server: WebServer, pages: Load
) -> Figures:
    events = Load(event_server, _make_requests(context, main, 50), context.scale.seconds + 1, 2)
    failures: list[BaseException] = []

    def send() -> None:
        try:
            run_load(events)
        except BaseException as failure:
            failures.append(failure)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        time.sleep(0.5)
        figures = run_load(pages)
    finally:
        sender.join(60)
    if failures:
        raise failures[0]
    return figures
