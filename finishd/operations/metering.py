"""Count the activity store calls of each request and each task."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from celery import Task
from celery.signals import task_postrun, task_prerun
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse

from activity.services import metering

_ATTRIBUTE = "_metering"


class StoreMeteringMiddleware:
    """Middleware that adds the store calls of a request to the totals of its route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        label = ["other"]
        with metering.metered(label):
            response = self._get_response(request)
            if match := request.resolver_match:
                label[0] = f"{request.method} /{match.route}"
        return response


def connect_signals() -> None:
    """Connect to the signals of Django and Celery. Totals go to Redis after a response was sent or a task finished."""
    request_finished.connect(_flush, dispatch_uid="metering")
    task_prerun.connect(_start_task, dispatch_uid="metering", weak=False)
    task_postrun.connect(_finish_task, dispatch_uid="metering", weak=False)


def _flush(**_: Any) -> None:
    metering.flush()


def _start_task(task: "Task[Any, Any]", **_: Any) -> None:
    stack = ExitStack()
    stack.enter_context(metering.metered([task.name]))
    setattr(task.request, _ATTRIBUTE, stack)


def _finish_task(task: "Task[Any, Any]", **_: Any) -> None:
    stack: ExitStack | None = getattr(task.request, _ATTRIBUTE, None)
    if stack is not None:
        stack.close()
    metering.flush()
