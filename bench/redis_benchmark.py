"""The rate at which Redis alone can run the commands of a page, measured by its own benchmark program."""

import csv
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from bench.errors import RunFailed

CONNECTIONS: Final = 8


def measure_rate(port: int, commands: Sequence[Sequence[str]], *, requests: int) -> float | None:
    """Return how often per second all commands can run, one after the other.

    Return None if neither redis-benchmark nor valkey-benchmark is on PATH.
    """
    program = shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")
    if program is None:
        return None
    return 1 / sum(1 / _measure_command(program, port, command, requests) for command in commands)


def _measure_command(program: str, port: int, command: Sequence[str], requests: int) -> float:
    options = ["-h", "127.0.0.1", "-p", str(port), "-n", str(requests), "-c", str(CONNECTIONS), "--csv"]
    try:
        finished = subprocess.run(
            [program, *options, *command], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RunFailed(f"{program}: timeout") from error
    lines = list(csv.reader(finished.stdout.splitlines()))
    try:
        return float(lines[-1][1])
    except (IndexError, ValueError) as error:
        output = (finished.stdout + finished.stderr)[-300:]
        raise RunFailed(f"{program}: unexpected output: {output}") from error
