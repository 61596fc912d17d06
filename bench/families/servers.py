"""Next pages under different web servers, numbers of processes and numbers of threads."""

from typing import Final

from bench.context import BenchContext
from bench.families.pages import CONNECTIONS
from bench.families.rows import make_throughput_row
from bench.load import Figures, Load, run_load
from bench.results import Result
from bench.web import ServerKind

# Kind, processes, threads for each process. granian and uvicorn run the front, the others Django alone.
COMPARED: Final[tuple[tuple[ServerKind, int, int], ...]] = (
    ("granian", 2, 4),
    ("granian-wsgi", 2, 4),
    ("granian", 2, 1),
    ("granian", 2, 2),
    ("granian", 2, 8),
    ("granian", 4, 1),
    ("granian", 4, 2),
    ("gunicorn", 2, 2),
    ("gunicorn", 2, 4),
    ("gunicorn", 2, 8),
    ("uvicorn", 2, 4),
)


def run(context: BenchContext) -> Result:
    """Compare each server with the first, which production runs.

    The rows have no goals, and there is one round only: they help to choose a server.
    """
    result = Result()
    if not context.scale.compares_servers:
        return result
    deployment = context.get_deployment()
    viewers = context.get_viewers()
    sessions = deployment.start_sessions(viewers, limit=10)
    requests = deployment.next_page_requests(sessions, limit=10)
    first: Figures | None = None
    for kind, processes, threads in COMPARED:
        deployment.reset_served(viewers, sessions)
        web = deployment.start_web(kind=kind, processes=processes, threads=threads)
        try:
            run_load(Load(web, requests, 1, CONNECTIONS))
            seconds, monitored = context.scale.seconds, deployment.monitored_processes
            figures = run_load(Load(web, requests, seconds, CONNECTIONS, monitored))
        finally:
            deployment.servers.stop(web.process)
        first = first or figures
        result.rows.append(make_throughput_row(f"servers.{kind}_{processes}x{threads}", figures, first))
    return result
