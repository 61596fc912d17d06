"""Where store calls are metered: around each request, and around each task."""

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
    """Middleware: adds a request's store calls to the sums of its route."""

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
    """Listen to Django and Celery. Sums go to Redis after an answer is out or a task is done."""
    request_finished.connect(_after, dispatch_uid="metering")
    task_prerun.connect(_begin, dispatch_uid="metering", weak=False)
    task_postrun.connect(_end, dispatch_uid="metering", weak=False)


def _after(**_: Any) -> None:
    metering.flush()


def _begin(task: "Task[Any, Any]", **_: Any) -> None:
    stack = ExitStack()
    stack.enter_context(metering.metered([task.name]))
    setattr(task.request, _ATTRIBUTE, stack)


def _end(task: "Task[Any, Any]", **_: Any) -> None:
    stack: ExitStack | None = getattr(task.request, _ATTRIBUTE, None)
    if stack is not None:
        stack.close()
    metering.flush()
