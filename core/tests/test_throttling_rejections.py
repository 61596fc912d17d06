"""Limits while Redis answers and rejects writes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from rest_framework.test import APIClient

from core.telemetry import WRITES_SKIPPED, labelled
from core.tests.redis_faults import REDIS_FAULTS, connect
from core.tests.throttling_tools import HOUR, STATS, Allow, statuses
from core.throttling.rates import Rate
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_client


@pytest.mark.parametrize("name", ["OOM", "READONLY"])
@pytest.mark.django_db
class TestWhileRedisRejectsWrites:
    @pytest.fixture
    def rejecting(self, name: str, redis_server: RedisServer) -> Iterator[AbstractContextManager[None]]:
        with connect(redis_server.url) as server:
            yield REDIS_FAULTS[name](server)

    def test_reading_requests_pass_uncounted(
        self, rejecting: AbstractContextManager[None], allow: Allow
    ) -> None:
        allow("read", user=Rate(2, HOUR))
        ama = get_client("ama")
        before = labelled(WRITES_SKIPPED, "limits")._value.get()
        with rejecting:
            assert statuses(ama, 4) == [200] * 4
        assert labelled(WRITES_SKIPPED, "limits")._value.get() == before + 4
        assert statuses(ama, 3) == [200, 200, 429]

    def test_a_client_over_its_limit_stays_rejected(
        self, rejecting: AbstractContextManager[None], allow: Allow
    ) -> None:
        allow("read", user=Rate(1, HOUR), address=Rate(100, HOUR))
        ama = get_client("ama")
        statuses(ama, 1)
        with rejecting:
            rejected = ama.get(STATS)
        assert rejected.status_code == 429
        assert int(rejected["Retry-After"]) > 3_000

    def test_changes_get_a_503(self, rejecting: AbstractContextManager[None]) -> None:
        with rejecting:
            response = get_client("ama").post("/api/v1/social/follow", {"target_uid": "kofi"}, format="json")
        assert (response.status_code, response["Retry-After"]) == (503, "5")

    def test_requests_without_a_valid_token_get_a_401(
        self, rejecting: AbstractContextManager[None], allow: Allow
    ) -> None:
        allow("denied", address=Rate(1, HOUR))
        with rejecting:
            assert statuses(APIClient(), 2) == [401, 401]
        assert statuses(APIClient(), 2) == [401, 429]
