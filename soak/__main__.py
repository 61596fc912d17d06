"""`python -m soak --minutes 15 --seed 1`: exit code 1 when anything was not as it must be."""

import argparse
import json
import random
import signal
import sys
from typing import Any, Final

from bench.errors import RunFailed
from bench.servers import ROOT, running_servers
from soak import report
from soak.run import soak

KEPT: Final = ROOT / ".data" / "soak"  # what the last run said, and its servers if it failed


def main() -> int:
    asked = _asked()
    signal.signal(signal.SIGTERM, _end)
    KEPT.mkdir(parents=True, exist_ok=True)
    log = KEPT / "servers.log"
    try:
        with running_servers() as started:
            log.unlink(missing_ok=True)
            try:
                outcome = soak(started, seed=asked.seed, seconds=asked.minutes * 60, say=_say)
            except RunFailed:
                log.write_bytes(started.log.read_bytes())
                raise
            found = report.as_json(outcome)
            if not outcome.good:
                log.write_bytes(started.log.read_bytes())
    except RunFailed as failure:
        print(f"soak: {failure}\nsoak: what the servers said is in {log}; seed {asked.seed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    (KEPT / "report.json").write_text(json.dumps(found, indent=1) + "\n")
    for line in report.lines(found):
        _say(line)
    if not outcome.good:
        _say(f"what the servers said is in {log}; again: SEED={asked.seed}")
    return 0 if outcome.good else 1


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=15, help="of load; starting and settling come on top"
    )
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="of everybody and all faults"
    )
    return parser.parse_args()


def _say(line: str) -> None:
    print(f"soak: {line}", flush=True)


def _end(*_: Any) -> None:
    """SIGTERM ends it as Ctrl-C does, with everything that it started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
