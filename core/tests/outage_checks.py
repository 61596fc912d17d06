"""An endpoint that does what a test says, and checks of its response to an outage and to a bug."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.outages import Outage

Action = Callable[[], object]


class Act(APIView):
    """Does what the test says."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    action: Action

    def get(self, request: Request) -> Response:
        Act.action()
        return Response({})


urlpatterns = [path("api/v1/act", Act.as_view())]


def act(action: Action) -> Any:
    """Return the response to a request that does this."""
    Act.action = staticmethod(action)
    return Client(raise_request_exception=False).get("/api/v1/act")


def check_outage(action: Action, outage: Outage, log: pytest.LogCaptureFixture) -> None:
    """Assert that the response is a 503 of the one shape, logged in one line."""
    log.clear()
    response = act(action)
    assert response.status_code == 503, response.content
    assert int(response["Retry-After"]) == outage.retry_after
    body = json.loads(response.content)
    assert (body["error"], body["statusCode"], body["code"]) == (True, 503, "unavailable")
    assert set(body) == {"error", "message", "statusCode", "code"}
    records = [record for record in log.records if record.name == "django.request"]
    assert [record.levelno for record in records] == [logging.WARNING]
    assert not any(record.exc_info for record in log.records)


def check_bug(action: Action, log: pytest.LogCaptureFixture) -> None:
    """Assert that the response is a 500 of the one shape, logged with its traceback."""
    log.clear()
    response = act(action)
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert any(record.exc_info for record in log.records)


def raising(error: BaseException) -> Action:
    def action() -> None:
        raise error

    return action
