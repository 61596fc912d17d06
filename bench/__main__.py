"""`python -m bench [FAMILY …]`: measure, print, keep, compare, draw. `BENCH=quick` for something tiny."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import report
from bench.families import FAMILIES
from bench.load import find_wrk
from bench.rows import Failed, Result
from bench.scale import FULL, QUICK, Scale
from bench.servers import servers
from bench.stage import Stage


def main() -> int:
    wanted = sys.argv[1:] or list(FAMILIES)
    unknown = set(wanted) - FAMILIES.keys()
    if unknown:
        print(f"bench: no family {', '.join(sorted(unknown))}; there are {', '.join(FAMILIES)}")
        return 2
    scale = QUICK if os.environ.get("BENCH") == "quick" else FULL
    signal.signal(signal.SIGTERM, _end)
    begun = time.monotonic()
    try:
        find_wrk()
        results = measure(wanted, scale)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    whole = len(wanted) == len(FAMILIES)
    report.finish(results, scale=scale, whole=whole, seconds=time.monotonic() - begun)
    return 0


def measure(families: Sequence[str], scale: Scale) -> dict[str, Result]:
    """Each family's result. Raises Failed; no process is left either way."""
    results: dict[str, Result] = {}
    with servers() as started:
        stage = Stage(scale, started, _say)
        for name in families:
            begun = time.monotonic()
            results[name] = FAMILIES[name](stage)
            _say(f"{name}: {time.monotonic() - begun:.0f} s")
    return results


def _say(line: str) -> None:
    print(f"bench: {line}", flush=True)


def _end(*_: Any) -> None:
    """SIGTERM ends it as Ctrl-C does, with everything that it started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
