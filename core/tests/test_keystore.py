"""The key store, against a real HTTP server and a real Redis."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from redis.exceptions import RedisError

from core.auth import devkeys, keystore
from core.auth import keys as redis_keys
from core.auth.keystore import KeysUnavailable, RemoteKeys
from core.circuit import CircuitOpen
from core.redis import client
from core.redis.client import count_round_trips
from core.tests.key_endpoint import PROJECT, Clock, Endpoint, get_kid, make_jwks, wait_for_requests
from finishd.run.embedded_redis import RedisServer


class TestFreshKeys:
    def test_keys_are_fetched_once_and_then_cost_nothing(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path]
    ) -> None:
        assert isinstance(keys.find(get_kid(key_dirs[0])), rsa.RSAPublicKey)
        with count_round_trips() as trips:
            for _ in range(100):
                assert keys.find(get_kid(key_dirs[0])) is not None
        assert (endpoint.requests, trips) == (1, [])

    def test_concurrent_first_requests_cause_one_fetch(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path]
    ) -> None:
        endpoint.delay = 0.2
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(keys.find, [get_kid(key_dirs[0])] * 16))
        assert all(found)
        assert endpoint.requests == 1

    def test_fetched_keys_are_shared_with_other_processes(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        next_process = RemoteKeys(PROJECT, endpoint.url, clock=clock)
        assert next_process.find(get_kid(key_dirs[0])) is not None
        assert endpoint.requests == 1
        name = redis_keys.AUTH_KEYS.name(project=PROJECT)
        assert 0 < client.cache_redis().ttl(name) <= 86_400

    @pytest.mark.parametrize(
        "unreadable", [b"", b"{}", b"\xff", b'{"document":5,"fetchedAt":1,"freshUntil":2}']
    )
    def test_keys_are_fetched_if_the_shared_ones_are_unreadable(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path], unreadable: bytes
    ) -> None:
        client.cache_redis().set(redis_keys.AUTH_KEYS.name(project=PROJECT), unreadable)
        assert keys.find(get_kid(key_dirs[0])) is not None
        assert endpoint.requests == 1

    def test_keys_are_fetched_while_redis_is_unavailable(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path], redis_server: RedisServer
    ) -> None:
        redis_server.stop()
        with pytest.raises((RedisError, CircuitOpen)):
            client.cache_redis().ping()
        assert keys.find(get_kid(key_dirs[0])) is not None


class TestStaleKeys:
    def test_stale_keys_are_used_while_a_thread_fetches_new_ones(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        old, new, _ = key_dirs
        keys.find(get_kid(old))
        endpoint.document, endpoint.delay = make_jwks(new), 0.5
        clock.now += 21_600
        started = time.monotonic()
        with count_round_trips() as trips:
            assert all(keys.find(get_kid(old)) for _ in range(50))
        assert time.monotonic() - started < 0.4
        assert trips == []
        wait_for_requests(endpoint, 2)
        assert keys.find(get_kid(new)) is not None
        assert keys.find(get_kid(old)) is None
        assert endpoint.requests == 2

    @pytest.mark.parametrize(
        "failure", [{"status": 500}, {"document": b"<html>"}, {"document": b'{"keys": []}'}, {"status": 404}]
    )
    def test_stale_keys_are_used_while_the_endpoint_fails(
        self,
        keys: RemoteKeys,
        endpoint: Endpoint,
        clock: Clock,
        key_dirs: list[Path],
        failure: dict[str, Any],
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        good = vars(endpoint).copy()
        vars(endpoint).update(failure)
        for days in range(1, 4):
            clock.now += 86_400
            assert all(keys.find(get_kid(key_dirs[0])) for _ in range(20))
            wait_for_requests(endpoint, 1 + days)
            assert all(keys.find(get_kid(key_dirs[0])) for _ in range(20)), "no second request at once"
            assert endpoint.requests == 1 + days
        endpoint.status, endpoint.document = good["status"], make_jwks(key_dirs[1])
        clock.now += keystore.RETRY_SECONDS
        keys.find(get_kid(key_dirs[0]))
        wait_for_requests(endpoint, 5)
        assert keys.find(get_kid(key_dirs[1])) is not None

    def test_stale_keys_are_used_while_the_endpoint_is_down(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        endpoint.server.shutdown()
        endpoint.server.server_close()
        clock.now += 86_400
        for _ in range(20):
            assert keys.find(get_kid(key_dirs[0])) is not None
        wait_for_requests(endpoint, 1)


class TestUnknownKeys:
    def test_a_thousand_unknown_keys_cause_one_fetch(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        clock.now += keystore.UNKNOWN_KEY_RETRY_SECONDS
        with ThreadPoolExecutor(8) as pool:
            assert not any(pool.map(keys.find, [f"invented-{number}" for number in range(1000)]))
        assert endpoint.requests == 2

    def test_an_unknown_key_causes_no_fetch_right_after_one(
        self, keys: RemoteKeys, endpoint: Endpoint
    ) -> None:
        assert keys.find("invented") is None
        assert keys.find("invented") is None
        assert endpoint.requests == 1

    def test_unknown_keys_cause_no_further_fetch_while_the_endpoint_fails(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        endpoint.status = 500
        clock.now += keystore.UNKNOWN_KEY_RETRY_SECONDS
        assert not any(keys.find(f"invented-{number}") for number in range(100))
        assert endpoint.requests == 2

    def test_a_new_key_is_fetched_before_the_old_set_is_stale(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        endpoint.document = make_jwks(*key_dirs)
        clock.now += keystore.UNKNOWN_KEY_RETRY_SECONDS
        assert keys.find(get_kid(key_dirs[2])) is not None

    def test_a_new_key_is_found_in_the_set_that_another_process_fetched(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        endpoint.document = make_jwks(*key_dirs)
        clock.now += 100
        other = RemoteKeys(PROJECT, endpoint.url, clock=clock)
        other.find(get_kid(key_dirs[1]))
        assert endpoint.requests == 2
        clock.now += 100
        assert keys.find(get_kid(key_dirs[1])) is not None
        assert endpoint.requests == 2

    def test_a_new_key_is_fetched_if_the_shared_set_is_old_too(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(get_kid(key_dirs[0]))
        clock.now += 100
        RemoteKeys(PROJECT, endpoint.url, clock=clock).find("invented")
        endpoint.document = make_jwks(*key_dirs)
        clock.now += 100
        assert keys.find(get_kid(key_dirs[1])) is not None
        assert endpoint.requests == 3


class TestWithoutKeys:
    def test_without_keys_requests_fail_with_503_and_share_one_fetch(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        endpoint.status = 503
        for _ in range(10):
            with pytest.raises(KeysUnavailable) as refusal:
                keys.find(get_kid(key_dirs[0]))
            assert 1 <= refusal.value.retry_after <= keystore.RETRY_SECONDS
        assert endpoint.requests == 1
        endpoint.status = 200
        clock.now += keystore.RETRY_SECONDS
        assert keys.find(get_kid(key_dirs[0])) is not None

    @pytest.mark.parametrize("manner", ["silent", "byte by byte"])
    def test_a_slow_endpoint_times_out_within_two_seconds(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path], manner: str
    ) -> None:
        endpoint.delay, endpoint.is_slow = (3.0, False) if manner == "silent" else (0.0, True)
        started = time.monotonic()
        with pytest.raises(KeysUnavailable):
            keys.find(get_kid(key_dirs[0]))
        assert time.monotonic() - started < 2.5

    def test_a_document_that_is_too_long_is_rejected(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path]
    ) -> None:
        endpoint.document = b" " * 400_000
        with pytest.raises(KeysUnavailable):
            keys.find(get_kid(key_dirs[0]))


@pytest.mark.urls("core.tests.probe_urls")
def test_the_api_uses_the_endpoint_in_the_settings(
    endpoint: Endpoint, key_dirs: list[Path], settings: Any
) -> None:
    settings.FIREBASE_KEYS_FILE = ""
    settings.FIREBASE_KEYS_URL = endpoint.url
    statuses = []
    for directory in key_dirs[:2]:
        token = devkeys.sign_token(
            directory, uid="ama", project=settings.FIREBASE_PROJECT_ID, now=time.time()
        )
        response = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        statuses.append(response.status_code)
    assert statuses == [200, 401]
    assert endpoint.requests == 1
