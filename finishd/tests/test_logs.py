"""What ticks all day is not told of in the log, what goes wrong is."""

import logging
from unittest.mock import Mock

import pytest
from celery.worker.request import Request

from finishd.celery import app
from finishd.logs import TICKING


@pytest.fixture(scope="module", autouse=True)
def tasks() -> None:
    """Known, as a worker knows them. Not within a test: Django is set up again, and the root's handlers are new."""
    app.loader.import_default_modules()


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


def late(task: str) -> Request:
    """What a worker makes of a message that came after it expired."""
    headers = {"id": "7", "task": task, "expires": "2026-01-01T00:00:00+00:00"}
    message = Mock(headers=headers, payload=[[], {}, {}], properties={}, delivery_info={})
    return Request(message, app=app, task=app.tasks[task], eventer=Mock())


def test_a_message_that_came_too_late_is_dropped_without_a_word_if_it_ticks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "celery.worker.request")
    for task in ("finishd.tasks.resume_erasures", "feed.tasks.rebuild_indexes"):
        assert late(task).revoked()
    told = [record.getMessage() for record in caplog.records]
    assert told == ["Discarding revoked task: feed.tasks.rebuild_indexes[7]"]


def test_what_is_left_out_are_tasks_that_there_are() -> None:
    assert set(app.tasks) >= TICKING
