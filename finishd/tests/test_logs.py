"""What ticks all day is not told of in the log, what goes wrong is."""

import logging

import pytest

from finishd.celery import app
from finishd.logs import TICKING


def record(name: str, level: int) -> logging.LogRecord:
    """As Celery writes them: the arguments are one mapping."""
    return logging.getLogger("celery.app.trace").makeRecord(
        "celery.app.trace", level, __file__, 1, "Task %(name)s succeeded", ({"name": name},), None
    )


@pytest.mark.parametrize("logger", ["celery.app.trace", "celery.worker.strategy"])
def test_the_log_leaves_out_what_ticks(logger: str) -> None:
    filters = logging.getLogger(logger)
    assert not filters.filter(record("analytics.tasks.drain", logging.INFO))
    assert filters.filter(record("analytics.tasks.drain", logging.ERROR))
    assert filters.filter(record("feed.tasks.rebuild_indexes", logging.INFO))


def test_what_is_left_out_are_tasks_that_there_are() -> None:
    app.loader.import_default_modules()
    assert set(app.tasks) >= TICKING
