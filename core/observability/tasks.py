"""The Celery task class of the project, and an option for tasks that run every few seconds."""

from typing import Any, Final

from billiard.exceptions import WorkerLostError
from celery import Task
from celery.worker.request import Request

from core import telemetry

# An option of `shared_task`: Celery's lines about this task's messages and successes are not logged.
QUIET: Final[dict[str, Any]] = {"quiet": True}


class ObservedRequest(Request):
    """A task in the worker's parent process. It counts tasks whose process died or was killed; a child cannot."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        super().on_timeout(soft, timeout)
        if not soft:
            telemetry.labelled(telemetry.TASKS_FINISHED, self.name, "killed").inc()

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = exc_info.exception
        if isinstance(getattr(error, "exc", error), WorkerLostError):  # billiard wraps it
            telemetry.labelled(telemetry.TASKS_FINISHED, self.name, "lost").inc()
        return super().on_failure(exc_info, send_failed_event, return_ok)


class ObservedTask(Task):  # type: ignore[type-arg]
    Request = "core.observability.tasks:ObservedRequest"
