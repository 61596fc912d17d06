"""Delivering a like to its author's followers through Celery, compared with the delivery script alone."""

from bench.context import BenchContext
from bench.deployment import Deployment
from bench.processes import CpuUsage
from bench.results import Result, Row
from bench.stalls import StallMonitor, measure_idle_stall
from bench.statistics import median, percentile
from bench.web import start_worker

FEW_FOLLOWERS = 10_000  # Up to this number of followers, more likes are measured.
PROCESSES = 2  # Processes of the worker, as in `make run`. It delivers that many likes at a time.


def run(context: BenchContext) -> Result:
    """Measure each number of followers. The goals are for the largest."""
    result, deployment = Result(), context.create_empty("fanout")
    worker = start_worker(
        context.servers, deployment.settings, "sweeps", "delivery", "repeats", processes=PROCESSES
    )
    try:
        deployment.call("bench.remote.delivery.add_followers", followers=1)
        # This call returns when the worker has started.
        deployment.call("bench.remote.delivery.deliver_likes", followers=1, likes=1, first=1)
        seconds = {
            number: _measure(context, deployment, number, result, worker.pid)
            for number in context.scale.followers
        }
    finally:
        context.servers.stop(worker)
        deployment.close()
    *_, fewer, most = context.scale.followers
    result.rows.append(
        Row(
            "fanout.linear",
            seconds[most] / seconds[fewer],
            figure=1e6 * seconds[most],
            floor=1e6 * seconds[fewer],
            figure_unit="µs a delivery",
        )
    )
    return result


class _Timings:
    """Durations of deliveries to a number of followers, and the longest stall of another client of Redis."""

    def __init__(self, deployment: Deployment, followers: int, usage: CpuUsage) -> None:
        self._deployment, self._followers, self._usage = deployment, followers, usage
        self.seconds: list[float] = []
        self.stall = 0.0  # Milliseconds.

    def run(self, function: str, *, first: int, likes: int = 1) -> None:
        with StallMonitor(self._deployment.redis.url) as monitor, self._usage:
            self.seconds.append(
                self._deployment.call(
                    f"bench.remote.delivery.{function}", followers=self._followers, likes=likes, first=first
                )
            )
        self.stall = max(self.stall, monitor.longest())

    @property
    def median_seconds(self) -> float:
        return median(self.seconds)

    def make_row(self, name: str, floor: "_Timings", *, likes: int = 1, limited_by: str = "") -> Row:
        rate = likes * self._followers / self.median_seconds
        floor_rate = self._followers / floor.median_seconds
        return Row(
            name,
            rate / floor_rate,
            figure=rate,
            floor=floor_rate,
            figure_unit="deliveries/s",
            p50=1_000 * self.median_seconds,
            p99=1_000 * percentile(self.seconds),
            limited_by=limited_by,
        )

    def make_stall_row(self, name: str, idle: float) -> Row:
        return Row(
            name, max(self.stall - idle, 0.0), unit="ms", figure=self.stall, floor=idle, figure_unit="ms"
        )


def _measure(
    context: BenchContext, deployment: Deployment, followers: int, result: Result, worker: int
) -> float:
    """Return the seconds for each follower while the worker delivers one like only."""
    scale = context.scale
    is_largest = followers == scale.followers[-1]
    likes = scale.likes if followers > FEW_FOLLOWERS else 3 * scale.likes
    deployment.call("bench.remote.delivery.add_followers", followers=followers)
    idle = measure_idle_stall(deployment.redis.url, scale.seconds) if is_largest else 0.0
    usage = CpuUsage({"worker": worker, **deployment.monitored_processes})
    script, alone, parallel = (_Timings(deployment, followers, usage) for _ in range(3))
    for number in range(likes):
        script.run("run_script", first=number + 2)
        alone.run("deliver_likes", first=number + 2)
        if is_largest:
            parallel.run("deliver_likes", first=1_000 + PROCESSES * number, likes=PROCESSES)
    curve = "a like until its last follower has it, s, by followers"
    result.add_point(curve, followers, alone.median_seconds)
    result.add_point("the script alone, s, by followers", followers, script.median_seconds)
    if is_largest:
        result.rows += [
            parallel.make_row("fanout.throughput", script, likes=PROCESSES, limited_by=usage.describe()),
            alone.make_row("fanout.alone", script),
            alone.make_stall_row("fanout.stall", idle),
            parallel.make_stall_row("fanout.stall_of_two", idle),
            script.make_stall_row("fanout.stall_of_script", idle),
        ]
    return alone.median_seconds / followers
