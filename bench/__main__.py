"""`python -m bench [FAMILY …]`: measure, print the figures and publish a complete run. `BENCH=quick` is a tiny run."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import report
from bench.context import BenchContext
from bench.errors import RunFailed
from bench.families import FAMILIES
from bench.load import find_wrk
from bench.results import Result
from bench.scale import FULL, QUICK, Scale
from bench.servers import running_servers


def main() -> int:
    families = sys.argv[1:] or list(FAMILIES)
    unknown = set(families) - FAMILIES.keys()
    if unknown:
        print(f"bench: unknown family {', '.join(sorted(unknown))}; choose from {', '.join(FAMILIES)}")
        return 2
    scale = QUICK if os.environ.get("BENCH") == "quick" else FULL
    signal.signal(signal.SIGTERM, _interrupt)
    start = time.monotonic()
    try:
        find_wrk()
        results = _measure(families, scale)
    except RunFailed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    is_complete = len(families) == len(FAMILIES)
    report.publish(results, scale=scale, is_complete=is_complete, seconds=time.monotonic() - start)
    return 0


def _measure(families: Sequence[str], scale: Scale) -> dict[str, Result]:
    """Return the result of each family. All processes are stopped at the end, also after an error."""
    results: dict[str, Result] = {}
    with running_servers() as servers:
        context = BenchContext(scale, servers, _log)
        for name in families:
            start = time.monotonic()
            results[name] = FAMILIES[name](context)
            _log(f"{name}: {time.monotonic() - start:.0f} s")
    return results


def _log(line: str) -> None:
    print(f"bench: {line}", flush=True)


def _interrupt(*_: Any) -> None:
    """Handle SIGTERM as Ctrl-C is handled, so that all processes are stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
