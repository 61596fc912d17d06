"""The goodput of the web server at four times its peak, at a small size."""

from dataclasses import replace

import pytest

from bench.context import BenchContext
from bench.errors import RunFailed
from bench.families import overload
from bench.load import find_wrk
from bench.scale import QUICK
from bench.servers import running_servers
from finishd.testing.services import service_missing

ATTEMPTS = 4


@pytest.mark.gauntlet
def test_at_four_times_its_peak_the_server_answers_nearly_as_many_pages_and_none_late() -> None:
    try:
        find_wrk()
    except RunFailed as missing:
        service_missing(str(missing))
    scale = replace(QUICK, viewers=40, items=5_000, seconds=3, rounds=3)
    with running_servers() as servers:
        context = BenchContext(scale, servers, print)
        # Load and server share the machine with other work, so a run may measure that. The goal, on a machine without
        # other load, is 0.9 (bench/goals.py).
        for _ in range(ATTEMPTS):
            result = overload.run(context)
            values = {row.name: row.value for row in result.rows}
            if values["overload.goodput"] > 0.75 and values["overload.late"] < 1_500:
                break
        context.get_deployment().close()
    assert values["overload.goodput"] > 0.6, result.notes
    assert values["overload.late"] < 1_500, result.notes
