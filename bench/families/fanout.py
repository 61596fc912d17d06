"""Delivering a like to its author's followers: through Celery end to end, beside the chunk script alone."""

from bench.probe import Busy, Stalls, at_rest
from bench.rows import Result, Row, high, middle
from bench.servers import start_celery
from bench.stage import Stage, World

BRISK = 10_000  # followers up to which more likes are timed


def run(stage: Stage) -> Result:
    """For each number of followers; the goals are at the largest."""
    result, world = Result(), stage.empty("fanout")
    worker = start_celery(world.servers, world.settings, "fanout")
    try:
        world.call("fans.populate", followers=1)
        world.call("fans.deliver", followers=1, likes=1, first=1)  # until the worker is there
        cost = {
            number: _measure(stage, world, number, result, worker.pid) for number in stage.scale.followers
        }
    finally:
        world.servers.stop(worker)
        world.inside.close()
    *_, fewer, most = stage.scale.followers
    result.rows.append(
        Row(
            "fanout.linear",
            cost[most] / cost[fewer],
            figure=1e6 * cost[most],
            floor=1e6 * cost[fewer],
            of="µs a delivery",
        )
    )
    return result


def _measure(stage: Stage, world: World, followers: int, result: Result, worker: int) -> float:
    """Seconds of one delivery."""
    most = followers == stage.scale.followers[-1]
    likes = stage.scale.likes if followers > BRISK else 3 * stage.scale.likes
    world.call("fans.populate", followers=followers)
    rest = at_rest(world.redis.url, stage.scale.seconds) if most else 0.0
    script: list[float] = []
    spent: list[float] = []
    busy = Busy({"worker": worker, **world.watched})
    longest = alone = 0.0
    for turn in range(likes):
        with Stalls(world.redis.url) as probe:
            script += world.call("fans.script_alone", followers=followers, likes=1, first=turn + 2)
        alone = max(alone, probe.longest())
        with Stalls(world.redis.url) as probe, busy:
            spent += world.call("fans.deliver", followers=followers, likes=1, first=turn + 2)
        longest = max(longest, probe.longest())
    each, floor = middle(spent) / followers, middle(script) / followers
    result.point("a like until its last follower has it, s, by followers", followers, middle(spent))
    result.point("the script alone, s, by followers", followers, middle(script))
    if most:
        result.rows += [
            Row(
                "fanout.throughput",
                floor / each,
                figure=1 / each,
                floor=1 / floor,
                of="deliveries/s",
                p50=1_000 * middle(spent),
                p99=1_000 * high(spent),
                limits=busy.says(),
            ),
            Row("fanout.stall", max(longest - rest, 0.0), unit="ms", figure=longest, floor=rest, of="ms"),
            Row(
                "fanout.stall_of_script", max(alone - rest, 0.0), unit="ms", figure=alone, floor=rest, of="ms"
            ),
        ]
    return each
