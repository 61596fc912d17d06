"""Rebuilding the indexes, compared with a plain read of the same rows and pipelined ZADDs."""

from bench.context import BenchContext
from bench.deployment import Deployment, RebuildResult
from bench.errors import RunFailed
from bench.results import Result, Row
from bench.rpc import call_once
from bench.statistics import median


def run(context: BenchContext) -> Result:
    """Measure the default and the large catalogue. Of the large one, the rebuild at its creation counts."""
    result, scale = Result(), context.scale
    default, large = context.get_deployment(), context.get_deployment(scale.many_items)
    rebuilds, floors = [], []
    for _ in range(scale.rounds):
        rebuilds.append(context.rebuild_indexes(default))
        floors.append(_measure_floor(default))
    seconds = median([rebuild.seconds for rebuild in rebuilds])
    result.rows.append(_make_row("indexes.rebuild", seconds, median(floors)))
    if large.rebuild is None:
        raise RunFailed("the large deployment has no indexes")
    result.rows.append(_make_row("indexes.rebuild_many", large.rebuild.seconds, _measure_floor(large)))
    result.rows.append(
        Row("indexes.memory", large.rebuild.peak_mb, unit="MB", limited_by="a batch of 2,000 items")
    )
    result.rows += _make_stall_rows([*rebuilds, large.rebuild])
    for size in sorted({*scale.sizes, scale.items, scale.many_items}):
        rebuild = context.get_deployment(size).rebuild
        if rebuild is not None:
            result.add_point("rebuild, s, by items", size, rebuild.seconds)
            result.add_point("rebuild, peak MB, by items", size, rebuild.peak_mb)
    return result


def _measure_floor(deployment: Deployment) -> float:
    name = "bench.remote.indexes.rebuild_floor"
    return float(call_once(deployment.servers, deployment.settings, name))


def _make_row(name: str, seconds: float, floor: float) -> Row:
    return Row(
        name,
        seconds / floor,
        figure=seconds,
        floor=floor,
        figure_unit="s",
        limited_by="one process: Python for each item",
    )


def _make_stall_rows(rebuilds: list[RebuildResult]) -> list[Row]:
    """Compare the longest stalls of all rebuilds with the longest stall without load."""
    idle = max(rebuild.idle_stall for rebuild in rebuilds)
    publish = max(rebuild.publish_stall for rebuild in rebuilds)
    longest = max(rebuild.longest_stall for rebuild in rebuilds)
    return [
        Row(name, max(stall - idle, 0.0), unit="ms", figure=stall, floor=idle, figure_unit="ms")
        for name, stall in (("indexes.stall", publish), ("indexes.stall_while", longest))
    ]
