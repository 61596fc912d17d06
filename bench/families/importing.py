"""Importing a catalogue into PostgreSQL, compared with COPY of the same rows into the same tables."""

from bench.context import BenchContext
from bench.results import Result, Row
from bench.statistics import median


def run(context: BenchContext) -> Result:
    """Import drafts, which is SQL alone, and published items, which writes cards too."""
    result, rows = Result(), context.scale.imported_rows
    deployment = context.create_empty("importing")
    path = deployment.call("bench.remote.importing.write_file", rows=rows)
    seconds: dict[str, list[float]] = {"copy": [], "insert": [], "draft": [], "published": []}
    for _ in range(context.scale.rounds):
        seconds["copy"].append(deployment.call("bench.remote.importing.copy_rows", rows=rows))
        seconds["draft"].append(
            deployment.call("bench.remote.importing.import_file", path=path, publish=False)
        )
        seconds["insert"].append(deployment.call("bench.remote.importing.insert_rows", rows=rows))
        seconds["published"].append(
            deployment.call("bench.remote.importing.import_file", path=path, publish=True)
        )
    deployment.close()
    rates = {name: rows / median(each) for name, each in seconds.items()}
    for name, figure, floor, limited_by in (
        ("importing.postgresql", "draft", "copy", "one process: checks of each value, then SQL"),
        ("importing.beside_insert", "draft", "insert", "the same, compared with INSERTs of 1,000 rows"),
        ("importing.published", "published", "copy", "the same, and a script call for each card"),
    ):
        result.rows.append(
            Row(
                name,
                rates[figure] / rates[floor],
                figure=rates[figure],
                floor=rates[floor],
                figure_unit="rows/s",
                limited_by=limited_by,
            )
        )
    return result
