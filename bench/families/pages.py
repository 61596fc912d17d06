"""The next page of a plan, the most frequent request, compared with its floors."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import redis_benchmark
from bench.context import BenchContext
from bench.deployment import Deployment, PagedSession
from bench.families.rows import make_p99_row, make_throughput_row
from bench.load import Figures, Load, Request, fetch, run_alternately
from bench.results import Result, Row
from bench.scale import Scale

LIMIT: Final = 10
LONG_LIMIT: Final = 40
PAGE_FILE: Final = "bench-page.json"  # Read by bench.floors.views.
# With only eight connections, one of two processes sometimes accepts all of them and the other one idles.
CONNECTIONS: Final = 32


def run(context: BenchContext) -> Result:
    """Measure pages and floors, and the influence of items, followees and the length of a page."""
    result, main = Result(), context.get_deployment()
    ratio = _measure_floors(context, main, result)
    _measure_long_pages(context, main, result, ratio)
    _measure_followees(context, main, result)
    _measure_items(context, main, result)
    return result


def make_load(
    deployment: Deployment, requests: list[Request], scale: Scale, *, connections: int = CONNECTIONS
) -> Load:
    web = deployment.get_web()
    return Load(web, requests, scale.seconds, connections, deployment.monitored_processes)


def _make_next_page_load(
    context: BenchContext, deployment: Deployment, *, followees: int | None = None
) -> Load:
    """Return a load with all next pages of a deployment's viewers."""
    sessions = deployment.start_sessions(context.get_viewers(followees), limit=LIMIT)
    return make_load(deployment, deployment.next_page_requests(sessions, limit=LIMIT), context.scale)


def _measure_floors(context: BenchContext, main: Deployment, result: Result) -> float:
    """Compare the next page with three floors. Return the ratio to the floor that reads slots and cards."""
    scale, viewers = context.scale, context.get_viewers()
    sessions = main.start_sessions(viewers, limit=LIMIT)
    next_pages = main.next_page_requests(sessions, limit=LIMIT)
    page_file = Path(main.settings["FINISHD_DATA"]) / PAGE_FILE
    page_file.write_bytes(fetch(main.get_web(), next_pages[0]))
    loads = {
        "page": make_load(main, next_pages, scale),
        "floor": make_load(main, main.floor_page_requests(sessions, limit=LIMIT), scale),
        "empty": make_load(main, [Request("/api/v1/floor/empty")], scale),
        "plain": make_load(main, [Request("/api/v1/floor/plain")], scale),
    }
    found = run_alternately(loads, rounds=scale.rounds, before=lambda: main.reset_served(viewers, sessions))
    page, floor = found["page"], found["floor"]
    result.rows += [
        make_throughput_row("pages.throughput", page, floor),
        make_p99_row("pages.p99", page, floor),
        make_throughput_row("pages.floor", floor, page),
        make_throughput_row("pages.empty_drf", found["empty"], page),
        make_throughput_row("pages.plain_django", found["plain"], page),
    ]
    _measure_redis_alone(context, main, sessions[0], page, result)
    return page.throughput / floor.throughput


def _measure_redis_alone(
    context: BenchContext, main: Deployment, session: PagedSession, page: Figures, result: Result
) -> None:
    commands = main.call(
        "bench.remote.pages.get_page_commands",
        viewer=session.viewer,
        session=session.session,
        start=session.pages[0][0],
        limit=LIMIT,
    )
    requests = 10_000 * context.scale.seconds
    rate = redis_benchmark.measure_rate(main.redis.port, commands, requests=requests)
    if rate is None:
        result.notes.append("pages.redis_alone: neither redis-benchmark nor valkey-benchmark is on PATH")
        return
    result.rows.append(
        Row(
            "pages.redis_alone",
            rate / page.throughput,
            figure=rate,
            floor=page.throughput,
            figure_unit="pages/s",
            limited_by="Redis and its benchmark",
        )
    )


def _measure_long_pages(
    context: BenchContext, main: Deployment, result: Result, default_ratio: float
) -> None:
    """Compare long pages with their floor. The row's value is that ratio divided by `default_ratio`."""
    scale, viewers = context.scale, context.get_viewers()
    sessions = main.start_sessions(viewers, limit=LONG_LIMIT)
    found = run_alternately(
        {
            "page": make_load(main, main.next_page_requests(sessions, limit=LONG_LIMIT), scale),
            "floor": make_load(main, main.floor_page_requests(sessions, limit=LONG_LIMIT), scale),
        },
        rounds=scale.rounds,
        before=lambda: main.reset_served(viewers, sessions),
    )
    row = make_throughput_row("pages.limit_40", found["page"], found["floor"])
    result.rows.append(replace(row, value=row.value / default_ratio))


def _measure_followees(context: BenchContext, main: Deployment, result: Result) -> None:
    scale = context.scale
    loads = {str(number): _make_next_page_load(context, main, followees=number) for number in scale.followees}
    found = run_alternately(loads, rounds=scale.rounds)
    for number in scale.followees:
        result.add_point("next page, p50 ms, by followees", number, found[str(number)].p50)
    most, default = found[str(scale.most_followees)], found[str(scale.default_followees)]
    result.rows.append(make_throughput_row("pages.many_followees", most, default))


def _measure_items(context: BenchContext, main: Deployment, result: Result) -> None:
    scale = context.scale
    sizes = sorted({*scale.sizes, scale.items, scale.many_items})
    loads = {str(size): _make_next_page_load(context, context.get_deployment(size)) for size in sizes}
    found = run_alternately(loads, rounds=scale.rounds)
    for size in sizes:
        result.add_point("next page, p50 ms, by items", size, found[str(size)].p50)
    many, default = found[str(scale.many_items)], found[str(main.items)]
    result.rows.append(make_throughput_row("pages.many_items", many, default))
