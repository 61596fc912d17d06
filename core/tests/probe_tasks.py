"""Tasks for the tests' own workers (`--include`), which leave a mark where the test can see it."""

import os
import time
from contextlib import suppress
from pathlib import Path

from billiard.exceptions import SoftTimeLimitExceeded

from finishd.celery import app


@app.task(name="finishd.tests.hold")
def hold(mark: str, seconds: float) -> None:
    """Begin, saying in which process, and keep the message unacknowledged for a while."""
    begun = Path(f"{mark}.begun")
    begun.with_suffix(".new").write_text(str(os.getpid()))
    begun.with_suffix(".new").rename(begun)
    time.sleep(seconds)
    Path(f"{mark}.done").touch()


@app.task(name="finishd.tests.deaf")
def deaf(seconds: float) -> None:
    """Go on although it is asked to stop."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(SoftTimeLimitExceeded):
            time.sleep(0.1)
