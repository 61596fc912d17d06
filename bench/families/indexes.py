"""Rebuilding the indexes beside a bare read of the same rows and pipelined ZADDs."""

from bench.calls import once
from bench.rows import Result, Row, middle
from bench.stage import Build, Stage, World


def run(stage: Stage) -> Result:
    """At the usual size and at the large one, where the first build is the one that is measured."""
    result, scale = Result(), stage.scale
    usual, many = stage.world(), stage.world(scale.many)
    builds, floors = [], []
    for _ in range(scale.rounds):
        builds.append(stage.rebuilt(usual))
        floors.append(_floor(usual))
    seconds = middle([build.seconds for build in builds])
    result.rows.append(_row("indexes.rebuild", seconds, middle(floors)))
    assert many.build is not None  # noqa: S101  (a seeded world has one)
    result.rows.append(_row("indexes.rebuild_many", many.build.seconds, _floor(many)))
    result.rows.append(Row("indexes.memory", many.build.peak_mb, unit="MB", limits="a batch of 2,000 items"))
    result.rows += _stalls([*builds, many.build])
    for size in sorted({*scale.sizes, scale.items, scale.many}):
        build = stage.world(size).build
        if build is not None:
            result.point("rebuild, s, by items", size, build.seconds)
            result.point("rebuild, peak MB, by items", size, build.peak_mb)
    return result


def _floor(world: World) -> float:
    return float(once(world.servers, world.settings, "indexing.floor"))


def _row(name: str, seconds: float, floor: float) -> Row:
    return Row(
        name,
        seconds / floor,
        figure=seconds,
        floor=floor,
        of="s",
        limits="one process: Python over each item",
    )


def _stalls(builds: list[Build]) -> list[Row]:
    """The worst of all builds, against the worst at rest."""
    rest = max(build.rest for build in builds)
    switch = max(build.switch for build in builds)
    longest = max(build.longest for build in builds)
    return [
        Row("indexes.stall", max(switch - rest, 0.0), unit="ms", figure=switch, floor=rest, of="ms"),
        Row("indexes.stall_while", max(longest - rest, 0.0), unit="ms", figure=longest, floor=rest, of="ms"),
    ]
