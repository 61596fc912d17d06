"""Tasks for the workers that tests start with `--include`. They create files that a test can wait for."""

import os
import time
from contextlib import suppress
from pathlib import Path

from billiard.exceptions import SoftTimeLimitExceeded

from finishd.celery import app


@app.task(name="probe.hold")
def hold(path: str, seconds: float) -> None:
    """Write the process id to `<path>.begun`, keep the message unacknowledged, and create `<path>.done`."""
    begun = Path(f"{path}.begun")
    begun.with_suffix(".new").write_text(str(os.getpid()))
    begun.with_suffix(".new").rename(begun)
    time.sleep(seconds)
    Path(f"{path}.done").touch()


@app.task(name="probe.ignore_soft_limit")
def ignore_soft_limit(seconds: float) -> None:
    """Continue after the soft time limit."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(SoftTimeLimitExceeded):
            time.sleep(0.1)
