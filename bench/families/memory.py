"""Resident memory of a web worker after it has served first and next pages."""

from bench.context import BenchContext
from bench.deployment import Deployment
from bench.load import Load, run_load
from bench.processes import get_children, resident_mb
from bench.results import Result, Row


def run(context: BenchContext) -> Result:
    """Measure a single worker for each size of the catalogue. Shared pages are included."""
    result = Result()
    sizes = sorted({*context.scale.sizes, context.scale.many_items})
    megabytes = {size: _measure_worker(context, context.get_deployment(size)) for size in sizes}
    for size, each in megabytes.items():
        result.add_point("a web worker, MB, by items", size, each)
    smallest, largest = megabytes[sizes[0]], megabytes[sizes[-1]]
    result.rows += [
        Row(
            "memory.growth",
            largest / smallest,
            figure=largest,
            floor=smallest,
            figure_unit="MB",
            limited_by="no cache of the catalogue",
        ),
        Row("memory.resident", largest, unit="MB", limited_by="imports"),
    ]
    return result


def _measure_worker(context: BenchContext, deployment: Deployment) -> float:
    web = deployment.start_web(processes=1)
    seconds = max(context.scale.seconds // 2, 1)
    try:
        viewers = context.get_viewers()
        sessions = deployment.start_sessions(viewers, limit=10)
        next_pages = deployment.next_page_requests(sessions, limit=10)
        for requests in (next_pages, deployment.first_page_requests(viewers)):
            run_load(Load(web, requests, seconds, 8))
        return resident_mb(get_children(web.process.pid))
    finally:
        deployment.servers.stop(web.process)
