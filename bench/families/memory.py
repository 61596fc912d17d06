"""What a web worker takes in memory after it has served first and next pages."""

from bench.load import Load
from bench.load import run as put_load_on
from bench.probe import children
from bench.rows import Result, Row
from bench.servers import resident_mb
from bench.stage import Stage, World


def run(stage: Stage) -> Result:
    """One worker at each size of the catalogue, resident memory with everything it shares."""
    result = Result()
    sizes = sorted({*stage.scale.sizes, stage.scale.many})
    found = {size: _worker_mb(stage, stage.world(size)) for size in sizes}
    for size, megabytes in found.items():
        result.point("a web worker, MB, by items", size, megabytes)
    least, most = found[sizes[0]], found[sizes[-1]]
    result.rows += [
        Row(
            "memory.growth",
            most / least,
            figure=most,
            floor=least,
            of="MB",
            limits="no cache of the catalogue",
        ),
        Row("memory.resident", most, unit="MB", limits="imports"),
    ]
    return result


def _worker_mb(stage: Stage, world: World) -> float:
    web = world.another_web(processes=1)
    try:
        viewers = stage.viewers()
        sessions = world.sessions(viewers, limit=10)
        for requests in (world.next_pages(sessions, limit=10), world.first_pages(viewers)):
            put_load_on(Load(web, requests, max(stage.scale.seconds // 2, 1), 8))
        return resident_mb(children(web.process.pid))
    finally:
        world.servers.stop(web.process)
