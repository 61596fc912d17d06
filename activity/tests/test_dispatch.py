"""Messages to the workers: errors are logged, and the sweep's messages say what they repeat."""

import pytest
from kombu.exceptions import OperationalError

from activity import dispatch
from activity.services import sweep
from activity.types import Job
from finishd.celery import app
from finishd.testing.people import Message, Messages


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OperationalError("refused"),
            "broker unavailable: deliver job not queued; the sweep will retry it: refused",
        ),
        (ValueError("unexpected"), "deliver job not queued; the sweep will retry it"),
    ],
)
def test_an_error_while_queueing_is_logged_and_not_raised(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def send_task(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(app, "send_task", send_task)
    dispatch.queue_job("deliver", "kofi", "movie:1", 2)
    assert [record.getMessage() for record in caplog.records if record.name == "activity.dispatch"] == [line]


def test_a_purge_that_is_queued_again_is_its_second_run(messages: Messages) -> None:
    sweep.queue_again(Job("purge", "ama", "kofi", 3))
    sweep.queue_again(Job("deliver", "kofi", "movie:1", 2))
    assert messages.waiting == [
        Message("activity.tasks.purge", ("ama", "kofi", 3), {"is_second_run": True}),
        Message("activity.tasks.deliver", ("kofi", "movie:1", 2), {}),
    ]
