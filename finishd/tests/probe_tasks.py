"""Tasks for test_worker.py's workers (`--include`), which leave a mark where the test can see it."""

import os
import time
from pathlib import Path

from finishd.celery import app


@app.task(name="finishd.tests.hold")
def hold(mark: str, seconds: float) -> None:
    """Begin, saying in which process, and keep the message unacknowledged for a while."""
    begun = Path(f"{mark}.begun")
    begun.with_suffix(".new").write_text(str(os.getpid()))
    begun.with_suffix(".new").rename(begun)
    time.sleep(seconds)
    Path(f"{mark}.done").touch()
