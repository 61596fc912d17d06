"""More requests than the server can answer: four times its peak, of next pages and of a mix of classes."""

from dataclasses import replace
from typing import Final

from bench.context import BenchContext
from bench.families.pages import LIMIT, make_load
from bench.families.rows import make_throughput_row
from bench.load import Load, Request, run_alternately, run_load
from bench.results import Result, Row

FACTOR: Final = 4
CONNECTIONS: Final = 1_000
RESPONSE_SECONDS: Final = 0.15  # about the mean time of a response, most of it in the queue


def run(context: BenchContext) -> Result:
    """Compare the pages that the server answers at four times its peak with those at its peak.

    Each connection pauses after a response, so that all of them offer about `FACTOR` times the peak.
    `overload.late` is the slowest hundredth of all responses.
    """
    result, deployment, scale = Result(), context.get_deployment(), context.scale
    viewers = context.get_viewers()
    sessions = deployment.start_sessions(viewers, limit=LIMIT)
    next_pages = deployment.next_page_requests(sessions, limit=LIMIT)
    peak_load = make_load(deployment, next_pages, scale)
    run_load(replace(peak_load, seconds=1))
    peak = run_load(peak_load).throughput
    loads = {
        "peak": peak_load,
        "pages": _overload(peak_load, next_pages, peak),
        "mixed": _overload(peak_load, _mix(next_pages), peak),
    }
    found = run_alternately(
        loads, rounds=scale.rounds, before=lambda: deployment.reset_served(viewers, sessions)
    )
    pages, mixed = found["pages"], found["mixed"]
    result.rows += [
        make_throughput_row("overload.goodput", pages, found["peak"]),
        make_throughput_row("overload.goodput_mixed", mixed, found["peak"]),
        Row("overload.late", pages.p99, "ms", p50=pages.p50, p99=pages.p99),
    ]
    for name, figures in (("goodput", pages), ("goodput_mixed", mixed)):
        offered = figures.throughput + figures.rejected
        result.notes.append(
            f"overload.{name}: {offered:,.0f} requests/s were offered, {figures.rejected:,.0f} rejected"
        )
    return result


def _overload(peak_load: Load, requests: list[Request], peak: float) -> Load:
    delay = max(CONNECTIONS / (FACTOR * peak) - RESPONSE_SECONDS, 0.02)
    return replace(peak_load, requests=requests, connections=CONNECTIONS, delay=delay)


def _mix(next_pages: list[Request]) -> list[Request]:
    """Return next pages with as many batches of events, which are rejected first."""
    return [
        request
        for page in next_pages
        for request in (page, Request("/api/v1/analytics/event", page.token, body='{"events": []}'))
    ]
