"""Throttling by running web servers."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import httpx
import pytest

from finishd.testing.api import get_token
from finishd.testing.processes import processes

STATS = "/api/v1/social/stats/kofi"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_several_processes_share_a_limit(tmp_path_factory: pytest.TempPathFactory) -> None:
    limited = {"THROTTLE_READ_USER": "20/h", "THROTTLE_READ_ADDRESS": "30/h"}
    with processes(tmp_path_factory.mktemp("webs")) as started:
        webs = [started.web(**limited), started.web(**limited)]
        get_token("ama")

        def ask(number: int, uid: str) -> httpx.Response:
            return webs[number % 2].get(STATS, uid)

        with ThreadPoolExecutor(16) as pool:
            ama = Counter(pool.map(lambda number: ask(number, "ama").status_code, range(60)))
        assert ama == {HTTPStatus.OK: 20, HTTPStatus.TOO_MANY_REQUESTS: 40}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_web_server_passes_forwarded_headers_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    limited = {"THROTTLE_READ_ADDRESS": "1/h", "TRUSTED_PROXIES": "127.0.0.1"}
    with processes(tmp_path_factory.mktemp("webs")) as started:
        web = started.web(**limited)

        def ask(*forwarded: str) -> int:
            lines = [("X-Forwarded-For", line) for line in forwarded]
            return web.get(STATS, "ama", headers=lines).status_code

        # A proxy may add its own header line after the client's, or append to the client's.
        assert ask("203.0.113.1", "198.51.100.1") == 200
        assert ask("203.0.113.2", "198.51.100.1") == 429
        assert ask("203.0.113.3, 198.51.100.1") == 429
        assert ask("198.51.100.2") == 200
        assert ask() == 200
        assert ask() == 429
