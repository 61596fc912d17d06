"""The next page of a plan, by far the most frequent request, beside its floors."""

from pathlib import Path
from typing import Final

from bench import redis_benchmark
from bench.load import Figures, Load, Request, fetch, pairs
from bench.rows import Result, Row
from bench.scale import Scale
from bench.stage import Session, Stage, World

LIMIT: Final = 10
LONG: Final = 40
PAGE_FILE: Final = "bench-page.json"  # as bench.floors.views reads it
# Of eight, one of two processes accepts them all every now and then, and the other idles.
CONNECTIONS: Final = 32
_UNIT: Final = "pages/s"


def run(stage: Stage) -> Result:
    """Pages, floors, and what may change with items, followees and the length of a page."""
    result, main = Result(), stage.world()
    ratio = _floors(stage, main, result)
    _limit_40(stage, main, result, ratio)
    _followees(stage, main, result)
    _items(stage, main, result)
    return result


def next_page_load(stage: Stage, world: World, *, followees: int | None = None, limit: int = LIMIT) -> Load:
    """All next pages of this world's viewers in turn."""
    sessions = world.sessions(stage.viewers(followees), limit=limit)
    return load_of(world, world.next_pages(sessions, limit=limit), stage.scale)


def load_of(world: World, requests: list[Request], scale: Scale, *, connections: int = CONNECTIONS) -> Load:
    return Load(world.web(), requests, scale.seconds, connections, world.watched)


def _floors(stage: Stage, world: World, result: Result) -> float:
    """Next page against three floors; the ratio to the floor that reads."""
    viewers = stage.viewers()
    sessions = world.sessions(viewers, limit=LIMIT)
    nexts = world.next_pages(sessions, limit=LIMIT)
    (Path(world.settings["FINISHD_DATA"]) / PAGE_FILE).write_bytes(fetch(world.web(), nexts[0]))
    sides = {
        "page": load_of(world, nexts, stage.scale),
        "floor": load_of(world, world.floor_pages(sessions, limit=LIMIT), stage.scale),
        "empty": load_of(world, [Request("/api/v1/floor/empty")], stage.scale),
        "plain": load_of(world, [Request("/api/v1/floor/plain")], stage.scale),
    }
    found = pairs(sides, rounds=stage.scale.rounds, before=lambda: world.rewind(viewers, sessions))
    page, floor = found["page"], found["floor"]
    result.rows += [
        beside("pages.throughput", page, floor),
        slower("pages.p99", page, floor),
        beside("pages.floor", floor, page),
        beside("pages.empty_drf", found["empty"], page),
        beside("pages.plain_django", found["plain"], page),
    ]
    _redis_alone(stage, world, sessions[0], page, result)
    return page.throughput / floor.throughput


def _redis_alone(stage: Stage, world: World, one: Session, page: Figures, result: Result) -> None:
    commands = world.call(
        "paging.commands", viewer=one.viewer, session=one.session, start=one.pages[0][0], limit=LIMIT
    )
    rate = redis_benchmark.together(world.redis.port, commands, requests=10_000 * stage.scale.seconds)
    if rate is None:
        result.notes.append("pages.redis_alone: neither redis-benchmark nor valkey-benchmark is on PATH")
        return
    result.rows.append(
        Row(
            "pages.redis_alone",
            rate / page.throughput,
            figure=rate,
            floor=page.throughput,
            of=_UNIT,
            limits="Redis and its benchmark",
        )
    )


def _limit_40(stage: Stage, world: World, result: Result, short: float) -> None:
    """Its ratio to its own floor, beside that of pages of ten."""
    viewers = stage.viewers()
    sessions = world.sessions(viewers, limit=LONG)
    found = pairs(
        {
            "page": load_of(world, world.next_pages(sessions, limit=LONG), stage.scale),
            "floor": load_of(world, world.floor_pages(sessions, limit=LONG), stage.scale),
        },
        rounds=stage.scale.rounds,
        before=lambda: world.rewind(viewers, sessions),
    )
    page, floor = found["page"], found["floor"]
    row = beside("pages.limit_40", page, floor)
    result.rows.append(_of_ratio(row, short))


def _followees(stage: Stage, world: World, result: Result) -> None:
    sides = {str(number): next_page_load(stage, world, followees=number) for number in stage.scale.followees}
    found = pairs(sides, rounds=stage.scale.rounds)
    for number in stage.scale.followees:
        result.point("next page, p50 ms, by followees", number, found[str(number)].p50)
    most, few = found[str(stage.scale.most)], found[str(stage.scale.few)]
    result.rows.append(beside("pages.many_followees", most, few))


def _items(stage: Stage, main: World, result: Result) -> None:
    sides = {str(size): next_page_load(stage, stage.world(size)) for size in _sizes(stage.scale)}
    found = pairs(sides, rounds=stage.scale.rounds)
    for size in _sizes(stage.scale):
        result.point("next page, p50 ms, by items", size, found[str(size)].p50)
    many, items = found[str(stage.scale.many)], found[str(main.items)]
    result.rows.append(beside("pages.many_items", many, items))


def _sizes(scale: Scale) -> tuple[int, ...]:
    return tuple(sorted({*scale.sizes, scale.items, scale.many}))


def beside(name: str, figure: Figures, floor: Figures, *, of: str = _UNIT) -> Row:
    """Throughput against throughput."""
    return Row(
        name,
        figure.throughput / floor.throughput,
        figure=figure.throughput,
        floor=floor.throughput,
        of=of,
        p50=figure.p50,
        p99=figure.p99,
        limits=figure.limits,
    )


def slower(name: str, figure: Figures, floor: Figures) -> Row:
    """p99 against p99."""
    return Row(
        name,
        figure.p99 / floor.p99,
        figure=figure.p99,
        floor=floor.p99,
        of="ms",
        p50=figure.p50,
        p99=figure.p99,
        limits=figure.limits,
    )


def _of_ratio(row: Row, other: float) -> Row:
    return Row(
        row.name,
        row.value / other,
        figure=row.figure,
        floor=row.floor,
        of=row.of,
        p50=row.p50,
        p99=row.p99,
        limits=row.limits,
    )
