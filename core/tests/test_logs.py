"""The log: its format, and what is filtered and redacted."""

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

from core.broker.log_filter import BrokerOutageFilter
from core.logs import filters, formatters
from finishd.celery import app
from finishd.testing.api import get_token


@pytest.fixture(scope="module", autouse=True)
def tasks() -> None:
    """Register all tasks, as a worker does. Not within a test, because it sets Django up again."""
    app.loader.import_default_modules()


def make_celery_record(name: str, level: int) -> logging.LogRecord:
    """Return a record as Celery writes it: its arguments are one mapping."""
    return logging.getLogger("celery.app.trace").makeRecord(
        "celery.app.trace", level, __file__, 1, "Task %(name)s succeeded", ({"name": name},), None
    )


@pytest.mark.parametrize("logger", ["celery.app.trace", "celery.worker.strategy"])
def test_lines_about_quiet_tasks_are_dropped_unless_they_are_errors(logger: str) -> None:
    celery_logger = logging.getLogger(logger)
    assert not celery_logger.filter(make_celery_record("analytics.tasks.count_events", logging.INFO))
    assert celery_logger.filter(make_celery_record("analytics.tasks.count_events", logging.ERROR))
    assert celery_logger.filter(make_celery_record("feed.tasks.rebuild_indexes", logging.INFO))


def make_expired_request(task: str) -> Request:
    """Return the request that a worker makes of an expired message."""
    headers = {"id": "7", "task": task, "expires": "2026-01-01T00:00:00+00:00"}
    message = Mock(headers=headers, payload=[[], {}, {}], properties={}, delivery_info={})
    return Request(message, app=app, task=app.tasks[task], eventer=Mock())


def test_an_expired_message_of_a_quiet_task_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "celery.worker.request")
    for task in ("finishd.privacy.tasks.sweep_erasures", "feed.tasks.rebuild_indexes"):
        assert make_expired_request(task).revoked()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["Discarding revoked task: feed.tasks.rebuild_indexes[7]"]


@pytest.mark.django_db(serialized_rollback=True)
def test_a_periodic_task_that_runs_every_minute_or_more_often_is_quiet() -> None:
    frequent = [
        periodic.task
        for periodic in PeriodicTask.objects.exclude(interval=None)
        if periodic.schedule.run_every.total_seconds() <= 60
    ]
    assert frequent
    assert [name for name in frequent if not filters.is_quiet(name)] == []


def render(log_format: str, text: str, *args: object, **attributes: object) -> str:
    """Return a line of the log in a format."""
    made = logging.getLogger("core.example").makeRecord(
        "core.example", logging.WARNING, __file__, 1, text, args, None
    )
    made.__dict__.update(attributes)
    return formatters.make_formatter(log_format).format(made)


class TestFormat:
    def test_a_json_line_contains_the_bound_fields(self) -> None:
        with bound_contextvars(request_id="r-1", viewer="0123"):
            line = json.loads(render("json", "shard %d waits", 3))
        assert line.pop("time").endswith("Z")
        assert line == {
            "level": "warning",
            "message": "shard 3 waits",
            "logger": "core.example",
            "request_id": "r-1",
            "viewer": "0123",
        }

    def test_a_text_line_ends_with_the_bound_fields(self) -> None:
        with bound_contextvars(request_id="r-1"):
            assert render("text", "shard %d waits", 3).endswith(
                " WARNING core.example: shard 3 waits  [request_id=r-1]"
            )

    def test_a_traceback_is_a_field_of_its_line(self) -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            line = render("json", "failed", exc_info=sys.exc_info())
        assert "\n" not in line
        assert json.loads(line)["exception"].endswith("ValueError: broken")

    def test_attributes_of_a_record_are_not_written(self) -> None:
        """Celery's `data` contains a task's arguments, and Django's `request` the path and query."""
        line = render("json", "done", data={"args": "('kofi',)"}, request="GET /feed?cursor=secret")
        assert "kofi" not in line
        assert "secret" not in line

    def test_another_format_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="neither json nor text"):
            formatters.make_formatter("yaml")

    @pytest.mark.parametrize(
        ("environment", "log_format"),
        [
            ({}, "json"),
            ({"DEBUG": "true"}, "text"),
            ({"DEBUG": "true", "LOG_FORMAT": "json"}, "json"),
            ({"LOG_FORMAT": "text"}, "text"),
        ],
    )
    def test_the_environment_selects_the_format(self, environment: dict[str, str], log_format: str) -> None:
        assert formatters.get_log_format(environment) == log_format


class TestRedaction:
    @pytest.mark.parametrize("log_format", ["json", "text"])
    def test_a_token_in_a_message_is_redacted(self, log_format: str) -> None:
        token = get_token("ama")
        for text in (f"got {token}", f"Authorization: Bearer {token}", f"bearer opaque-{token[-20:]}, then"):
            line = render(log_format, "%s", text)
            assert token[-20:] not in line
            assert "[token]" in line

    def test_a_token_in_a_traceback_or_a_bound_field_is_redacted(self) -> None:
        token = get_token("ama")
        try:
            raise ValueError(token)
        except ValueError:
            with bound_contextvars(somewhere=[token]):
                line = render("json", "failed", exc_info=sys.exc_info())
        assert token[-20:] not in line
        assert line.count("[token]") == 2

    def test_keys_of_rows_and_documents_in_database_errors_are_redacted(self) -> None:
        line = render("json", "DETAIL: Key (uid, title)=(kofi, movie:1) already exists.")
        assert "kofi" not in line
        line = render("json", "404 No document: projects/p/databases/(default)/documents/people/kofi")
        assert "kofi" not in line

    def test_other_text_is_unchanged(self) -> None:
        text = "bearer tokens: eye-catching, key (a)=b, documents/people"
        assert (
            json.loads(render("json", "%s", text))["message"]
            == "Bearer [token] eye-catching, key (a)=b, documents/people"
        )


class TestRepeats:
    @pytest.fixture
    def clock(self) -> list[float]:
        return [100.0]

    @pytest.fixture
    def repeats(self, clock: list[float]) -> filters.RepeatFilter:
        return filters.RepeatFilter(seconds=10, max_kinds=3, clock=lambda: clock[0])

    @staticmethod
    def warning(text: str, *args: object, level: int = logging.WARNING) -> logging.LogRecord:
        return logging.getLogger("core.example").makeRecord(
            "core.example", level, __file__, 1, text, args, None
        )

    def test_a_burst_is_one_line_and_the_next_has_its_number(
        self, repeats: filters.RepeatFilter, clock: list[float]
    ) -> None:
        passed = [
            repeats.filter(self.warning("circuit breaker open: redis; retry in %.1f s", n / 7))
            for n in range(1_000)
        ]
        assert passed == [True] + 999 * [False]
        clock[0] += 10
        later = self.warning("circuit breaker open: redis; retry in %.1f s", 2)
        assert repeats.filter(later)
        assert (
            later.getMessage()
            == "circuit breaker open: redis; retry in 2.0 s (999 similar messages suppressed)"
        )
        clock[0] += 10
        alone = self.warning("circuit breaker open: redis; retry in %.1f s", 2)
        assert repeats.filter(alone)
        assert alone.getMessage() == "circuit breaker open: redis; retry in 2.0 s"

    def test_different_messages_pass(self, repeats: filters.RepeatFilter) -> None:
        assert repeats.filter(self.warning("not ready: %s", "sql"))
        assert repeats.filter(self.warning("not ready: %s", "redis"))
        assert repeats.filter(self.warning("not ready: %s", "redis", level=logging.ERROR))

    def test_messages_below_warning_always_pass(self, repeats: filters.RepeatFilter) -> None:
        assert all(repeats.filter(self.warning("done", level=logging.INFO)) for _ in range(3))

    def test_the_number_of_remembered_kinds_is_bounded(self, repeats: filters.RepeatFilter) -> None:
        for text in ("a", "b", "c", "d"):
            assert repeats.filter(self.warning(text))
        assert repeats.filter(self.warning("a"))
        assert not repeats.filter(self.warning("d"))
        assert len(repeats._last_logged) == 3

    def test_the_filter_is_on_the_only_handler(self) -> None:
        (handler,) = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
        assert [type(one) for one in handler.filters] == [BrokerOutageFilter, filters.RepeatFilter]


def test_a_message_that_a_worker_cannot_process_is_logged_without_its_arguments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """For example during a deployment, when an old worker receives a new task."""
    module: Any = import_module("celery.worker.consumer.consumer")  # untyped
    consumer = logging.getLogger(module.__name__)
    body, headers = "[['kofi'], {}, {}]", {"argsrepr": "('kofi',)"}
    consumer.error(module.UNKNOWN_TASK_ERROR, KeyError("activity.tasks.new"), body, headers, {})
    consumer.error(module.INVALID_TASK_ERROR, ValueError("odd"), body, headers, {})
    consumer.warning(module.UNKNOWN_FORMAT, body)
    consumer.critical(module.MESSAGE_DECODE_ERROR, ValueError("odd"), "json", "utf-8", headers, body)
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "Received unregistered task of type 'activity.tasks.new'."
    assert len(messages) == 4
    assert not any("kofi" in line or "\n" in line for line in messages)
