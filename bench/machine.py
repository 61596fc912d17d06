"""A description of the machine and of the programs that determine speed."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from finishd.run.embedded_redis import find_binary
from finishd.testing.postgres import find_binaries

PACKAGES = ("django", "djangorestframework", "celery", "granian")


def describe() -> dict[str, str | int]:
    """Return processor, memory, operating system and versions."""
    return {
        "processor": _get_processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": _get_memory_gb(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "redis": _get_version(find_binary()),
        "postgresql": _get_version(str(find_binaries() / "postgres")),
        "wrk": _get_version(shutil.which("wrk") or "wrk"),
        **{name: version(name) for name in PACKAGES},
        "redis-py": version("redis"),
    }


def _get_processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _get_memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _get_version(program: str) -> str:
    """Return the first line that a program prints for `--version`, or "unknown"."""
    try:
        finished = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = (finished.stdout or finished.stderr).strip().splitlines()
    return lines[0][:80] if lines else "unknown"
