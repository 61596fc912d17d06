"""Which server, how many processes and threads: next pages under each."""

from typing import Final

from bench.families.pages import CONNECTIONS
from bench.load import Load
from bench.load import run as put_load_on
from bench.rows import Result, Row
from bench.servers import ServerKind
from bench.stage import Stage

# Kind, processes, threads of each; uvicorn runs Django's views in its own pool of threads.
COMPARED: Final[tuple[tuple[ServerKind, int, int], ...]] = (
    ("granian", 2, 4),
    ("granian", 2, 1),
    ("granian", 2, 2),
    ("granian", 2, 8),
    ("granian", 4, 1),
    ("granian", 4, 2),
    ("gunicorn", 2, 2),
    ("gunicorn", 2, 4),
    ("gunicorn", 2, 8),
    ("uvicorn", 2, 1),
)


def run(stage: Stage) -> Result:
    """Rows without goals; ratios to the first, which production runs. One round each: for a choice, not a promise."""
    result = Result()
    if not stage.scale.servers:
        return result
    world = stage.world()
    sessions = world.sessions(stage.viewers(), limit=10)
    requests = world.next_pages(sessions, limit=10)
    base = 0.0
    for kind, processes, threads in COMPARED:
        world.rewind(stage.viewers(), sessions)
        web = world.another_web(kind=kind, processes=processes, threads=threads)
        try:
            put_load_on(Load(web, requests, 1, CONNECTIONS))
            found = put_load_on(Load(web, requests, stage.scale.seconds, CONNECTIONS, world.watched))
        finally:
            world.servers.stop(web.process)
        base = base or found.throughput
        name = f"servers.{kind}_{processes}x{threads}"
        result.rows.append(
            Row(
                name,
                found.throughput / base,
                figure=found.throughput,
                floor=base,
                of="pages/s",
                p50=found.p50,
                p99=found.p99,
                limits=found.limits,
            )
        )
    return result
