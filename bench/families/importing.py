"""Importing a catalogue into PostgreSQL, beside COPY of the same rows into the same tables."""

from bench.rows import Result, Row, middle
from bench.stage import Stage


def run(stage: Stage) -> Result:
    """As drafts, which is SQL alone, and published, which writes cards as well."""
    result, rows = Result(), stage.scale.imported
    world = stage.empty("importing")
    path = world.call("imports.write_file", rows=rows)
    spent: dict[str, list[float]] = {"copy": [], "insert": [], "draft": [], "published": []}
    for _ in range(stage.scale.rounds):
        spent["copy"].append(world.call("imports.copy_rows", rows=rows))
        spent["draft"].append(world.call("imports.import_file", path=path, publish=False))
        spent["insert"].append(world.call("imports.insert_rows", rows=rows))
        spent["published"].append(world.call("imports.import_file", path=path, publish=True))
    world.inside.close()
    speed = {name: rows / middle(seconds) for name, seconds in spent.items()}
    for name, figure, floor, limits in (
        ("importing.postgresql", "draft", "copy", "one process: checks of each value, then SQL"),
        ("importing.beside_insert", "draft", "insert", "the same, beside INSERTs of 1,000 rows"),
        ("importing.published", "published", "copy", "the same, and a script call for each card"),
    ):
        value = speed[figure] / speed[floor]
        result.rows.append(
            Row(name, value, figure=speed[figure], floor=speed[floor], of="rows/s", limits=limits)
        )
    return result
