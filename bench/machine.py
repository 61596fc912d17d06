"""What was measured on."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from finishd.run.embedded_redis import find_binary
from finishd.testing.postgres import find_binaries


def describe() -> dict[str, str | int]:
    """Processor, memory, and the versions of what decides speed."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "redis": _said(find_binary(), "--version"),
        "postgresql": _said(str(find_binaries() / "postgres"), "--version"),
        "wrk": _said(shutil.which("wrk") or "wrk", "--version"),
        **{name: version(name) for name in ("django", "djangorestframework", "celery", "granian")},
        "redis-py": version("redis"),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _said(*command: str) -> str:
    """A program's first line about itself."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = (told.stdout or told.stderr).strip().splitlines()
    return lines[0][:80] if lines else "unknown"
