"""Fixtures for tests of token keys and of limits."""

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from core.auth import devkeys
from core.auth.keystore import RemoteKeys
from core.tests.key_endpoint import PROJECT, Clock, Endpoint, make_jwks
from core.tests.throttling_tools import Allow
from core.throttling.rates import Limits, Rate


@pytest.fixture(scope="session")
def key_dirs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the directories of three signing keys."""
    directories = [tmp_path_factory.mktemp(f"key{number}") for number in range(3)]
    for directory in directories:
        devkeys.ensure_keys(directory)
    return directories


@pytest.fixture
def endpoint(key_dirs: list[Path]) -> Generator[Endpoint]:
    """A running endpoint that serves the first key."""
    served = Endpoint()
    served.document = make_jwks(key_dirs[0])
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(endpoint: Endpoint, clock: Clock) -> RemoteKeys:
    return RemoteKeys(PROJECT, endpoint.url, clock=clock)


@pytest.fixture
def allow(settings: Any) -> Allow:
    """Return a function that replaces the limits of a scope: `allow("feed", user=Rate(2, HOUR))`."""

    def change(scope: str, **sides: Rate) -> None:
        settings.THROTTLES = {**settings.THROTTLES, scope: Limits(scope, **sides)}

    return change
