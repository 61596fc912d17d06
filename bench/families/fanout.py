"""Delivering a like to its author's followers: through Celery end to end, beside the chunk script alone."""

from bench.probe import Busy, Stalls, at_rest
from bench.rows import Result, Row, high, middle
from bench.servers import start_celery
from bench.stage import Stage, World

BRISK = 10_000  # followers up to which more likes are timed
PROCESSES = 2  # of the worker, as `make run` has it: so many likes are delivered at a time


def run(stage: Stage) -> Result:
    """For each number of followers; the goals are at the largest."""
    result, world = Result(), stage.empty("fanout")
    worker = start_celery(world.servers, world.settings, "fanout", processes=PROCESSES)
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


class _Timed:
    """Deliveries to so many followers: seconds of each, and the longest stall of another client meanwhile."""

    def __init__(self, world: World, followers: int, busy: Busy) -> None:
        self._world, self._followers, self._busy = world, followers, busy
        self.spent: list[float] = []
        self.stall = 0.0  # milliseconds

    def run(self, what: str, *, first: int, likes: int = 1) -> None:
        with Stalls(self._world.redis.url) as probe, self._busy:
            self.spent.append(self._world.call(what, followers=self._followers, likes=likes, first=first))
        self.stall = max(self.stall, probe.longest())

    @property
    def each(self) -> float:
        return middle(self.spent)

    def beside(self, name: str, floor: "_Timed", *, likes: int = 1, limits: str = "") -> Row:
        rate, bare = likes * self._followers / self.each, self._followers / floor.each
        return Row(
            name,
            rate / bare,
            figure=rate,
            floor=bare,
            of="deliveries/s",
            p50=1_000 * self.each,
            p99=1_000 * high(self.spent),
            limits=limits,
        )

    def stalled(self, name: str, rest: float) -> Row:
        return Row(name, max(self.stall - rest, 0.0), unit="ms", figure=self.stall, floor=rest, of="ms")


def _measure(stage: Stage, world: World, followers: int, result: Result, worker: int) -> float:
    """Seconds of one delivery while the worker has no other like."""
    most = followers == stage.scale.followers[-1]
    likes = stage.scale.likes if followers > BRISK else 3 * stage.scale.likes
    world.call("fans.populate", followers=followers)
    rest = at_rest(world.redis.url, stage.scale.seconds) if most else 0.0
    busy = Busy({"worker": worker, **world.watched})
    script, alone, together = (_Timed(world, followers, busy) for _ in range(3))
    for turn in range(likes):
        script.run("fans.script_alone", first=turn + 2)
        alone.run("fans.deliver", first=turn + 2)
        if most:
            together.run("fans.deliver", first=1_000 + PROCESSES * turn, likes=PROCESSES)
    result.point("a like until its last follower has it, s, by followers", followers, alone.each)
    result.point("the script alone, s, by followers", followers, script.each)
    if most:
        result.rows += [
            together.beside("fanout.throughput", script, likes=PROCESSES, limits=busy.says()),
            alone.beside("fanout.alone", script),
            alone.stalled("fanout.stall", rest),
            together.stalled("fanout.stall_of_two", rest),
            script.stalled("fanout.stall_of_script", rest),
        ]
    return alone.each / followers
