"""Requests for the tests of throttling."""

from collections.abc import Callable
from typing import Any, Final

from django.test import Client

STATS: Final = "/api/v1/social/stats/kofi"
HOUR: Final = 3600
Allow = Callable[..., None]  # the fixture `allow`


def statuses(client: Client, number: int, path: str = STATS, **headers: Any) -> list[int]:
    return [client.get(path, **headers).status_code for _ in range(number)]
