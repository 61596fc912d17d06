"""What Redis alone could do with the commands of a page, as its own benchmark tells."""

import csv
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from bench.rows import Failed

CONNECTIONS: Final = 8


def find() -> str | None:
    return shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")


def together(port: int, commands: Sequence[Sequence[str]], *, requests: int) -> float | None:
    """How often a second all these commands could be done, one after the other; None without the program."""
    program = find()
    if program is None:
        return None
    return 1 / sum(1 / _rate(program, port, command, requests) for command in commands)


def _rate(program: str, port: int, command: Sequence[str], requests: int) -> float:
    options = ["-h", "127.0.0.1", "-p", str(port), "-n", str(requests), "-c", str(CONNECTIONS), "--csv"]
    try:
        said = subprocess.run(
            [program, *options, *command], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{program} did not end in time") from error
    lines = list(csv.reader(said.stdout.splitlines()))
    try:
        return float(lines[-1][1])
    except (IndexError, ValueError) as error:
        raise Failed(f"{program} said: {(said.stdout + said.stderr)[-300:]}") from error
