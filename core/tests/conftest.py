"""Fixtures for tests of token keys."""

import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from core.auth import devkeys
from core.auth.keystore import RemoteKeys
from core.tests.key_endpoint import PROJECT, Clock, Endpoint, make_jwks


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
