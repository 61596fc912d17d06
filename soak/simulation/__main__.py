"""Run the simulation.

    python -m soak.simulation --seeds 10000          the seeds from 0 on; --first sets another start
    python -m soak.simulation --seed 4711            one seed, with its trace

The exit code is 1 if a promise was broken, and 2 for wrong options. A failing seed is printed with the fewest steps
that break the same promise.
"""

import argparse
import os
import subprocess
import sys
import time
from importlib import import_module
from typing import Final

import django
from django.core.management import call_command

from bench.servers import ROOT

# The models take the place of the servers. No connection to these is opened.
VARIABLES: Final = {
    "DJANGO_SETTINGS_MODULE": "finishd.settings",
    "SECRET_KEY": "a-key-for-simulations-that-signs-nothing-of-value-0123456789",
    "DATABASE_URL": "sqlite://:memory:",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "CACHE_URL": "redis://127.0.0.1:1/0",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "FIREBASE_PROJECT_ID": "finishd-simulation",
    "FIREBASE_KEYS_FILE": "",
    "FINISHD_EMBEDDED_REDIS": "false",
    "DEBUG": "false",
    "ALLOWED_HOSTS": "finishd.example",
    "FINISHD_DATA": "/nonexistent",
}


def main() -> int:
    options = _parse_arguments()
    if problem := _find_problem(options):
        print(problem, file=sys.stderr)
        return 2
    started = time.monotonic()
    processes = min(options.processes, options.seeds)
    if options.seed is None and processes > 1:
        code = _run_in_processes(options.first, options.seeds, processes)
    else:
        code = _run(options)
    if options.seed is None and options.stride == 1:
        last = options.first + options.seeds - 1
        verdict = "promises are broken" if code else "break no promise"
        print(
            f"simulation: {options.seeds} seeds ({options.first} to {last}) {verdict},"
            f" {time.monotonic() - started:.0f} s"
        )
    return code


def _find_problem(options: argparse.Namespace) -> str | None:
    """Return a sentence about an option that is out of bounds."""
    for name, least in (("seeds", 1), ("seed", 0), ("first", 0), ("stride", 1), ("processes", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            return f"simulation: --{name} is {value}; it must be at least {least}."
    return None


def _run(options: argparse.Namespace) -> int:
    """Run seeds in this process, and print those that break promises. Return the exit code."""
    os.environ.update(VARIABLES)
    django.setup()
    call_command("migrate", verbosity=0)
    report = import_module("soak.simulation.report")  # its imports need Django
    if options.seed is not None:
        return int(report.print_seed(options.seed))
    seeds = range(options.first, options.first + options.seeds * options.stride, options.stride)
    return int(report.print_failures(seeds))


def _run_in_processes(first: int, seeds: int, processes: int) -> int:
    """Divide the seeds among processes, each of which prints its own failures. Return the exit code."""
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "soak.simulation", "--processes=1", f"--first={first + index}"),
                *(f"--stride={processes}", f"--seeds={len(range(index, seeds, processes))}"),
            ],
            cwd=ROOT,
        )
        for index in range(processes)
    ]
    try:
        codes = [process.wait() for process in running]
    finally:
        for process in running:
            process.terminate()
    return int(any(codes))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="number of seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--stride", type=int, default=1, help="distance between two seeds, in a process of several"
    )
    parser.add_argument("--seed", type=int, help="run this seed only, and print its trace")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
