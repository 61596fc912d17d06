"""A first page with a new plan, over one connection: what a viewer waits for when opening the app."""

from bench.families.pages import load_of
from bench.load import Figures, Load, pairs
from bench.rows import Result, Row
from bench.stage import Stage, World


def run(stage: Stage) -> Result:
    """Beside the next page, and by followees and items. One connection: a queue would count its length instead."""
    result, main, scale = Result(), stage.world(), stage.scale
    sessions = main.sessions(stage.viewers(), limit=10)
    nexts = load_of(main, main.next_pages(sessions, limit=10), scale, connections=1)
    found = _in_turn(stage, {"first": (main, _first(stage, main)), "next": (main, nexts)})
    result.rows.append(_beside("first_pages.p50", found["first"], found["next"]))
    _followees(stage, main, result)
    _items(stage, result)
    return result


def _followees(stage: Stage, world: World, result: Result) -> None:
    sides = {str(number): (world, _first(stage, world, number)) for number in stage.scale.followees}
    found = _in_turn(stage, sides)
    for number in stage.scale.followees:
        result.point("first page, p50 ms, by followees", number, found[str(number)].p50)
    most, few = found[str(stage.scale.most)], found[str(stage.scale.few)]
    result.rows.append(_apart("first_pages.followees", most, few))


def _items(stage: Stage, result: Result) -> None:
    sizes = sorted({*stage.scale.sizes, stage.scale.items, stage.scale.many})
    worlds = {size: stage.world(size) for size in sizes}
    found = _in_turn(stage, {str(size): (world, _first(stage, world)) for size, world in worlds.items()})
    for size in sizes:
        result.point("first page, p50 ms, by items", size, found[str(size)].p50)
    result.rows.append(
        _apart("first_pages.items", found[str(stage.scale.many)], found[str(stage.scale.items)])
    )


def _first(stage: Stage, world: World, followees: int | None = None) -> Load:
    requests = world.first_pages(stage.viewers(followees))
    return load_of(world, requests, stage.scale, connections=1)


def _in_turn(stage: Stage, sides: dict[str, tuple[World, Load]]) -> dict[str, Figures]:
    """Served lists are emptied before each load: what was served makes sources fetch more than the thousand."""
    worlds = {id(world): world for world, _ in sides.values()}
    viewers = [viewer for number in stage.scale.followees for viewer in stage.viewers(number)]

    def rewind() -> None:
        for world in worlds.values():
            world.rewind(viewers)

    return pairs({name: load for name, (_, load) in sides.items()}, rounds=stage.scale.rounds, before=rewind)


def _beside(name: str, figure: Figures, floor: Figures) -> Row:
    return Row(
        name,
        figure.p50 / floor.p50,
        figure=figure.p50,
        floor=floor.p50,
        of="ms",
        p50=figure.p50,
        p99=figure.p99,
        limits=figure.limits,
    )


def _apart(name: str, one: Figures, other: Figures) -> Row:
    """How far apart, whichever is slower."""
    row = _beside(name, one, other)
    return Row(
        name,
        max(row.value, 1 / row.value),
        figure=row.figure,
        floor=row.floor,
        of="ms",
        p50=row.p50,
        p99=row.p99,
        limits=row.limits,
    )
