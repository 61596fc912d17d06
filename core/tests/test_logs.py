"""What is in the log, in which form, and what is kept out of it."""

import json
import logging
import sys
from importlib import import_module
from typing import Any
from unittest.mock import Mock

import pytest
from celery.worker.request import Request
from django_celery_beat.models import PeriodicTask
from structlog.contextvars import bound_contextvars

from core.logs import filters, formatters
from finishd.celery import app
from finishd.testing.api import get_token


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
    assert not filters.filter(record("analytics.tasks.count_events", logging.INFO))
    assert filters.filter(record("analytics.tasks.count_events", logging.ERROR))
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
    for task in ("finishd.privacy.tasks.sweep_erasures", "feed.tasks.rebuild_indexes"):
        assert late(task).revoked()
    told = [record.getMessage() for record in caplog.records]
    assert told == ["Discarding revoked task: feed.tasks.rebuild_indexes[7]"]


@pytest.mark.django_db(serialized_rollback=True)
def test_a_periodic_task_that_runs_every_minute_or_more_often_is_quiet() -> None:
    frequent = [
        periodic.task
        for periodic in PeriodicTask.objects.exclude(interval=None)
        if periodic.schedule.run_every.total_seconds() <= 60
    ]
    assert frequent
    assert [name for name in frequent if not filters.is_quiet(name)] == []


def said(form: str, text: str, *args: object, **attributes: object) -> str:
    """A line of the log, as `form` writes it."""
    made = logging.getLogger("finishd.x").makeRecord(
        "finishd.x", logging.WARNING, __file__, 1, text, args, None
    )
    made.__dict__.update(attributes)
    return formatters.make_formatter(form).format(made)


class TestForm:
    def test_a_line_is_an_object_with_what_is_bound(self) -> None:
        with bound_contextvars(request_id="r-1", viewer="0123"):
            line = json.loads(said("json", "shard %d waits", 3))
        assert line.pop("time").endswith("Z")
        assert line == {
            "level": "warning",
            "message": "shard 3 waits",
            "logger": "finishd.x",
            "request_id": "r-1",
            "viewer": "0123",
        }

    def test_for_people_it_is_a_sentence(self) -> None:
        with bound_contextvars(request_id="r-1"):
            assert said("text", "shard %d waits", 3).endswith(
                " WARNING finishd.x: shard 3 waits  [request_id=r-1]"
            )

    def test_a_traceback_is_part_of_its_line(self) -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            line = said("json", "failed", exc_info=sys.exc_info())
        assert "\n" not in line
        assert json.loads(line)["exception"].endswith("ValueError: broken")

    def test_what_libraries_attach_to_a_record_stays_out(self) -> None:
        """Celery's `data` has a task's arguments, Django's `request` the address and its query."""
        line = said("json", "done", data={"args": "('kofi',)"}, request="GET /feed?cursor=secret")
        assert "kofi" not in line
        assert "secret" not in line

    def test_there_are_two(self) -> None:
        with pytest.raises(ValueError, match="neither json nor text"):
            formatters.make_formatter("yaml")

    @pytest.mark.parametrize(
        ("environment", "form"),
        [
            ({}, "json"),
            ({"DEBUG": "true"}, "text"),
            ({"DEBUG": "true", "LOG_FORMAT": "json"}, "json"),
            ({"LOG_FORMAT": "text"}, "text"),
        ],
    )
    def test_is_chosen_by_environment(self, environment: dict[str, str], form: str) -> None:
        assert formatters.get_log_format(environment) == form


class TestScrubbing:
    @pytest.mark.parametrize("form", ["json", "text"])
    def test_a_token_is_not_written_whoever_put_it_there(self, form: str) -> None:
        token = get_token("ama")
        for text in (f"got {token}", f"Authorization: Bearer {token}", f"bearer opaque-{token[-20:]}, then"):
            line = said(form, "%s", text)
            assert token[-20:] not in line
            assert "[token]" in line

    def test_nor_one_in_a_traceback_or_bound(self) -> None:
        token = get_token("ama")
        try:
            raise ValueError(token)
        except ValueError:
            with bound_contextvars(somewhere=[token]):
                line = said("json", "failed", exc_info=sys.exc_info())
        assert token[-20:] not in line
        assert line.count("[token]") == 2

    def test_nor_the_keys_of_rows_and_documents_in_errors_of_databases(self) -> None:
        line = said("json", "DETAIL: Key (uid, title)=(kofi, movie:1) already exists.")
        assert "kofi" not in line
        line = said("json", "404 No document: projects/p/databases/(default)/documents/people/kofi")
        assert "kofi" not in line

    def test_leaves_everything_else_alone(self) -> None:
        text = "bearer tokens: eye-catching, key (a)=b, documents/people"
        assert (
            json.loads(said("json", "%s", text))["message"]
            == "Bearer [token] eye-catching, key (a)=b, documents/people"
        )


class TestRepeated:
    @pytest.fixture
    def clock(self) -> list[float]:
        return [100.0]

    @pytest.fixture
    def repeated(self, clock: list[float]) -> filters.RepeatFilter:
        return filters.RepeatFilter(seconds=10, max_kinds=3, clock=lambda: clock[0])

    @staticmethod
    def warning(text: str, *args: object, level: int = logging.WARNING) -> logging.LogRecord:
        return logging.getLogger("finishd.x").makeRecord("finishd.x", level, __file__, 1, text, args, None)

    def test_a_burst_is_one_line_and_later_one_with_its_number(
        self, repeated: filters.RepeatFilter, clock: list[float]
    ) -> None:
        passed = [repeated.filter(self.warning("no Redis; next try in %.1f s", n / 7)) for n in range(1_000)]
        assert passed == [True] + 999 * [False]
        clock[0] += 10
        later = self.warning("no Redis; next try in %.1f s", 2)
        assert repeated.filter(later)
        assert later.getMessage() == "no Redis; next try in 2.0 s (999 similar messages suppressed)"
        clock[0] += 10
        alone = self.warning("no Redis; next try in %.1f s", 2)
        assert repeated.filter(alone)
        assert alone.getMessage() == "no Redis; next try in 2.0 s"

    def test_what_differs_passes(self, repeated: filters.RepeatFilter) -> None:
        assert repeated.filter(self.warning("not ready: %s", "sql"))
        assert repeated.filter(self.warning("not ready: %s", "redis"))
        assert repeated.filter(self.warning("not ready: %s", "redis", level=logging.ERROR))

    def test_what_is_no_warning_passes_always(self, repeated: filters.RepeatFilter) -> None:
        assert all(repeated.filter(self.warning("done", level=logging.INFO)) for _ in range(3))

    def test_remembers_so_many_kinds_and_no_more(self, repeated: filters.RepeatFilter) -> None:
        for text in ("a", "b", "c", "d"):
            assert repeated.filter(self.warning(text))
        assert repeated.filter(self.warning("a"))
        assert not repeated.filter(self.warning("d"))
        assert len(repeated._last_logged) == 3

    def test_is_on_the_way_of_all_that_is_logged(self) -> None:
        (handler,) = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
        assert [type(one) for one in handler.filters] == [filters.RepeatFilter]


def test_a_message_that_no_worker_understands_is_told_of_without_its_arguments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As a worker of yesterday gets one of today."""
    said_by: Any = import_module("celery.worker.consumer.consumer")  # untyped
    consumer = logging.getLogger(said_by.__name__)
    body, headers = "[['kofi'], {}, {}]", {"argsrepr": "('kofi',)"}
    consumer.error(said_by.UNKNOWN_TASK_ERROR, KeyError("activity.tasks.new"), body, headers, {})
    consumer.error(said_by.INVALID_TASK_ERROR, ValueError("odd"), body, headers, {})
    consumer.warning(said_by.UNKNOWN_FORMAT, body)
    consumer.critical(said_by.MESSAGE_DECODE_ERROR, ValueError("odd"), "json", "utf-8", headers, body)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "Received unregistered task of type 'activity.tasks.new'."
    assert len(told) == 4
    assert not any("kofi" in line or "\n" in line for line in told)
