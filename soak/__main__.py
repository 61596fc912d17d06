"""`python -m soak --minutes 15 --seed 1`. The exit code is 1 if an invariant was violated or a server did not start."""

import argparse
import json
import random
import signal
import sys
from pathlib import Path
from typing import Any, Final

from bench.errors import RunFailed
from bench.servers import ROOT, running_servers
from soak import report
from soak.planted.names import PROMISES
from soak.run import run_soak

FOLDER: Final = (
    ROOT / ".data" / "soak"
)  # The last report and history and, after a failure, the log of the servers.


def main() -> int:
    options = _parse_arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "servers.log"
    try:
        with running_servers() as servers:
            log.unlink(missing_ok=True)
            try:
                outcome = run_soak(
                    servers,
                    seed=options.seed,
                    seconds=options.minutes * 60,
                    history_file=folder / "history.jsonl",
                    bug=options.bug,
                    log=_log,
                )
            except RunFailed:
                log.write_bytes(servers.log.read_bytes())
                raise
            result = report.to_json(outcome)
            if not outcome.is_successful:
                log.write_bytes(servers.log.read_bytes())
    except RunFailed as failure:
        print(f"soak: {failure}\nsoak: servers' log: {log}; seed {options.seed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    (folder / "report.json").write_text(json.dumps(result, indent=1) + "\n")
    for line in report.format_lines(result):
        _log(line)
    if not outcome.is_successful:
        _log(f"servers' log: {log}; history: {folder / 'history.jsonl'}; repeat with SEED={options.seed}")
    return 0 if outcome.is_successful else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=15, help="duration of the load; starting and draining take longer"
    )
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="determines actors' choices and faults"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where report, history and logs go")
    parser.add_argument(
        "--bug", default="", choices=("", *PROMISES), help="plants a bug, so that the run must fail"
    )
    return parser.parse_args()


def _log(line: str) -> None:
    print(f"soak: {line}", flush=True)


def _interrupt(*_: Any) -> None:
    """Handle SIGTERM as Ctrl-C is handled, so that all processes are stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
