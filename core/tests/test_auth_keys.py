"""Where the keys come from, against a real HTTP server and a real Redis."""

import contextlib
import json
import stat
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from redis.exceptions import RedisError

from core.auth import devkeys, keyset, keystore
from core.auth import keys as redis_keys
from core.auth.keystore import KeysUnavailable, RemoteKeys
from core.circuit import CircuitOpen
from core.redis import client
from core.redis.client import count_round_trips
from finishd.run.embedded_redis import RedisServer

PROJECT = "finishd-test"


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


class Endpoint:
    """Google's part, on 127.0.0.1: what it serves, how it fails, and how often it was asked."""

    def __init__(self) -> None:
        self.document = b""
        self.status = 200
        self.headers = {"Cache-Control": "public, max-age=21600, must-revalidate"}
        self.delay = 0.0
        self.drip = False
        self.asked = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked += 1
                time.sleep(endpoint.delay)
                self.send_response(endpoint.status)
                for name, value in endpoint.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # the client has left, as it should
                    self._answer()

            def _answer(self) -> None:
                if not endpoint.drip:
                    self.wfile.write(endpoint.document)
                    return
                for _ in range(80):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture(scope="session")
def key_dirs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three signing keys."""
    found = [tmp_path_factory.mktemp(f"key{number}") for number in range(3)]
    for directory in found:
        devkeys.ensure_keys(directory)
    return found


@cache
def kid(directory: Path) -> str:
    return devkeys.ensure_keys(directory).kid


def jwks(*directories: Path) -> bytes:
    entries = [entry for one in directories for entry in json.loads((one / "jwks.json").read_bytes())["keys"]]
    return json.dumps({"keys": entries}).encode()


@pytest.fixture
def endpoint(key_dirs: list[Path]) -> Generator[Endpoint]:
    served = Endpoint()
    served.document = jwks(key_dirs[0])
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


def settle(endpoint: Endpoint, asked: int) -> None:
    """Wait until the endpoint was asked so often and the asking thread is through."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if endpoint.asked >= asked and not any(
            thread.name == "auth-keys" for thread in threading.enumerate()
        ):
            return
        time.sleep(0.01)
    raise AssertionError(f"asked {endpoint.asked} times, not {asked}")


class TestFreshKeys:
    def test_are_fetched_once_and_then_cost_nothing(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path]
    ) -> None:
        assert isinstance(keys.find(kid(key_dirs[0])), rsa.RSAPublicKey)
        with count_round_trips() as waits:
            for _ in range(100):
                assert keys.find(kid(key_dirs[0])) is not None
        assert (endpoint.asked, waits) == (1, [])

    def test_are_fetched_once_by_many_first_requests(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path]
    ) -> None:
        endpoint.delay = 0.2
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(keys.find, [kid(key_dirs[0])] * 16))
        assert all(found)
        assert endpoint.asked == 1

    def test_are_shared_with_the_next_process(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(kid(key_dirs[0]))
        next_process = RemoteKeys(PROJECT, endpoint.url, clock=clock)
        assert next_process.find(kid(key_dirs[0])) is not None
        assert endpoint.asked == 1
        name = redis_keys.AUTH_KEYS.name(project=PROJECT)
        assert 0 < client.cache_redis().ttl(name) <= 86_400

    @pytest.mark.parametrize("garbage", [b"", b"{}", b"\xff", b'{"document":5,"fetchedAt":1,"freshUntil":2}'])
    def test_are_fetched_when_what_is_shared_is_garbage(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path], garbage: bytes
    ) -> None:
        client.cache_redis().set(redis_keys.AUTH_KEYS.name(project=PROJECT), garbage)
        assert keys.find(kid(key_dirs[0])) is not None
        assert endpoint.asked == 1

    def test_are_fetched_while_redis_is_away(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path], redis_server: RedisServer
    ) -> None:
        redis_server.stop()
        with pytest.raises((RedisError, CircuitOpen)):
            client.cache_redis().ping()
        assert keys.find(kid(key_dirs[0])) is not None


class TestStaleKeys:
    def test_are_replaced_aside_while_requests_go_on(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        old, new, _ = key_dirs
        keys.find(kid(old))
        endpoint.document, endpoint.delay = jwks(new), 0.5
        clock.now += 21_600
        started = time.monotonic()
        with count_round_trips() as waits:
            assert all(keys.find(kid(old)) for _ in range(50))
        assert time.monotonic() - started < 0.4
        assert waits == []
        settle(endpoint, 2)
        assert keys.find(kid(new)) is not None
        assert keys.find(kid(old)) is None
        assert endpoint.asked == 2

    @pytest.mark.parametrize(
        "failure", [{"status": 500}, {"document": b"<html>"}, {"document": b'{"keys": []}'}, {"status": 404}]
    )
    def test_serve_on_while_the_endpoint_fails(
        self,
        keys: RemoteKeys,
        endpoint: Endpoint,
        clock: Clock,
        key_dirs: list[Path],
        failure: dict[str, Any],
    ) -> None:
        keys.find(kid(key_dirs[0]))
        good = vars(endpoint).copy()
        vars(endpoint).update(failure)
        for days in range(1, 4):
            clock.now += 86_400
            assert all(keys.find(kid(key_dirs[0])) for _ in range(20))
            settle(endpoint, 1 + days)
            assert all(keys.find(kid(key_dirs[0])) for _ in range(20)), "and it is not asked again at once"
            assert endpoint.asked == 1 + days
        endpoint.status, endpoint.document = good["status"], jwks(key_dirs[1])
        clock.now += keystore.RETRY_SECONDS
        keys.find(kid(key_dirs[0]))
        settle(endpoint, 5)
        assert keys.find(kid(key_dirs[1])) is not None

    def test_serve_on_when_the_endpoint_is_gone(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(kid(key_dirs[0]))
        endpoint.server.shutdown()
        endpoint.server.server_close()
        clock.now += 86_400
        for _ in range(20):
            assert keys.find(kid(key_dirs[0])) is not None
        settle(endpoint, 1)


class TestUnknownKeys:
    def test_cost_one_fetch_whatever_their_number(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(kid(key_dirs[0]))
        clock.now += keystore.UNKNOWN_KEY_RETRY_SECONDS
        with ThreadPoolExecutor(8) as pool:
            assert not any(pool.map(keys.find, [f"invented-{number}" for number in range(1000)]))
        assert endpoint.asked == 2

    def test_are_not_asked_for_right_after_a_fetch(self, keys: RemoteKeys, endpoint: Endpoint) -> None:
        assert keys.find("invented") is None
        assert keys.find("invented") is None
        assert endpoint.asked == 1

    def test_are_not_asked_for_while_the_endpoint_fails(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(kid(key_dirs[0]))
        endpoint.status = 500
        clock.now += keystore.UNKNOWN_KEY_RETRY_SECONDS
        assert not any(keys.find(f"invented-{number}") for number in range(100))
        assert endpoint.asked == 2

    def test_are_found_at_the_endpoint_when_google_rotates_early(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(kid(key_dirs[0]))
        endpoint.document = jwks(*key_dirs)
        clock.now += keystore.UNKNOWN_KEY_RETRY_SECONDS
        assert keys.find(kid(key_dirs[2])) is not None

    def test_are_found_in_the_set_that_another_process_fetched(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(kid(key_dirs[0]))
        endpoint.document = jwks(*key_dirs)
        clock.now += 100
        other = RemoteKeys(PROJECT, endpoint.url, clock=clock)
        other.find(kid(key_dirs[1]))
        assert endpoint.asked == 2
        clock.now += 100
        assert keys.find(kid(key_dirs[1])) is not None
        assert endpoint.asked == 2

    def test_are_looked_for_further_when_the_shared_set_is_old_too(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        keys.find(kid(key_dirs[0]))
        clock.now += 100
        RemoteKeys(PROJECT, endpoint.url, clock=clock).find("invented")
        endpoint.document = jwks(*key_dirs)
        clock.now += 100
        assert keys.find(kid(key_dirs[1])) is not None
        assert endpoint.asked == 3


class TestNoKeys:
    def test_are_a_503_that_does_not_ask_at_each_request(
        self, keys: RemoteKeys, endpoint: Endpoint, clock: Clock, key_dirs: list[Path]
    ) -> None:
        endpoint.status = 503
        for _ in range(10):
            with pytest.raises(KeysUnavailable) as refusal:
                keys.find(kid(key_dirs[0]))
            assert 1 <= refusal.value.retry_after <= keystore.RETRY_SECONDS
        assert endpoint.asked == 1
        endpoint.status = 200
        clock.now += keystore.RETRY_SECONDS
        assert keys.find(kid(key_dirs[0])) is not None

    @pytest.mark.parametrize("manner", ["silence", "drops"])
    def test_come_of_a_slow_endpoint_within_two_seconds(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path], manner: str
    ) -> None:
        endpoint.delay, endpoint.drip = (3.0, False) if manner == "silence" else (0.0, True)
        started = time.monotonic()
        with pytest.raises(KeysUnavailable):
            keys.find(kid(key_dirs[0]))
        assert time.monotonic() - started < 2.5

    def test_come_of_an_endless_answer(
        self, keys: RemoteKeys, endpoint: Endpoint, key_dirs: list[Path]
    ) -> None:
        endpoint.document = b" " * 400_000
        with pytest.raises(KeysUnavailable):
            keys.find(kid(key_dirs[0]))


@pytest.mark.urls("core.tests.probe_urls")
def test_the_api_believes_the_endpoint_that_the_settings_name(
    endpoint: Endpoint, key_dirs: list[Path], settings: Any
) -> None:
    settings.FIREBASE_KEYS_FILE = ""
    settings.FIREBASE_KEYS_URL = endpoint.url
    statuses = []
    for directory in key_dirs[:2]:
        token = devkeys.sign_token(
            directory, uid="ama", project=settings.FIREBASE_PROJECT_ID, now=time.time()
        )
        answer = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        statuses.append(answer.status_code)
    assert statuses == [200, 401]
    assert endpoint.asked == 1


class TestKeySet:
    @pytest.mark.parametrize(
        ("cache_control", "age", "seconds"),
        [
            ("public, max-age=21600, must-revalidate, no-transform", "", 21_600),
            ("max-age=21600", "600", 21_000),
            ("MAX-AGE=120", "nonsense", 120),
            ("s-maxage=7, max-age=300", "", 300),
            ("max-age=0", "", 60),
            ("max-age=99", "5000", 60),
            ("no-store, max-age=3600", "", 60),
            ("max-age=999999999", "", 86_400),
            ("public", "", 3600),
            ("", "", 3600),
        ],
    )
    def test_stays_fresh_as_long_as_its_headers_say(
        self, cache_control: str, age: str, seconds: float
    ) -> None:
        assert keyset.get_lifetime(cache_control, age) == seconds

    def test_leaves_out_what_is_no_public_rs256_key(self, key_dirs: list[Path]) -> None:
        good = json.loads(jwks(key_dirs[0]))["keys"][0]
        document = [
            good,
            {**good, "kid": "for-encryption", "use": "enc"},
            {**good, "kid": "other-algorithm", "alg": "RS512"},
            {**good, "kid": ""},
            {**good, "kid": 5},
            {**good, "kid": "short", "n": good["n"][:80]},
            {**good, "kid": "broken", "n": "!"},
            {**good, "kid": "private", "d": "AQAB"},
            {"kty": "oct", "kid": "secret", "k": "AQAB"},
        ]
        assert list(keyset.parse(json.dumps({"keys": document}).encode())) == [good["kid"]]

    @pytest.mark.parametrize(
        "document", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5]}', b'{"keys": []}']
    )
    def test_of_nothing_usable_is_refused(self, document: bytes) -> None:
        with pytest.raises(keyset.BadKeySet):
            keyset.parse(document)

    def test_that_claims_to_be_fresh_for_ever_is_cut_to_a_day(self, key_dirs: list[Path]) -> None:
        document = jwks(key_dirs[0])
        eternal = keyset.KeySet(document, keyset.parse(document), fetched_at=9e12, fresh_until=9e15)
        shared = keyset.unpack(keyset.pack(eternal), now=1000.0)
        assert (shared.fetched_at, shared.fresh_until) == (1000.0, 1000.0 + 86_400)


class TestDevKeys:
    def test_are_made_once_and_readable_by_the_owner_alone(self, tmp_path: Path) -> None:
        made = devkeys.ensure_keys(tmp_path / "keys")
        content = made.private_key.read_bytes(), made.key_set.read_bytes()
        assert stat.S_IMODE(made.private_key.stat().st_mode) == 0o600
        assert devkeys.ensure_keys(tmp_path / "keys") == made
        assert (made.private_key.read_bytes(), made.key_set.read_bytes()) == content
        assert sorted(path.name for path in made.key_set.parent.iterdir()) == ["jwks.json", "private.pem"]

    def test_are_the_same_for_racing_callers(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = set(pool.map(devkeys.ensure_keys, [tmp_path] * 8))
        assert len(made) == 1
        assert list(keyset.parse((tmp_path / "jwks.json").read_bytes())) == [made.pop().kid]

    def test_get_a_lost_key_set_back(self, tmp_path: Path) -> None:
        made = devkeys.ensure_keys(tmp_path)
        made.key_set.unlink()
        assert devkeys.ensure_keys(tmp_path) == made
        assert made.key_set.exists()

    def test_do_not_overwrite_a_file_that_is_no_key(self, tmp_path: Path) -> None:
        (tmp_path / "private.pem").write_text("mine")
        with pytest.raises(ValueError, match="PEM"):
            devkeys.ensure_keys(tmp_path)
        assert (tmp_path / "private.pem").read_text() == "mine"
