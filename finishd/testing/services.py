"""Pytest plugin: each test process gets a Redis server, a data directory and a database of its own.

The option `-p` in pyproject.toml loads it, because Django reads its settings before any conftest. Each xdist worker,
or the only process without xdist, starts its Redis with the function that `make run` uses. The database is an SQLite
file. With FINISHD_TEST_DATABASE=postgresql it is a database in a temporary cluster that all workers share. Tests
empty their servers, so they never use those of the developer's environment (DATABASE_URL, REDIS_URL, .env).

FINISHD_REQUIRE_SERVICES=1 turns a skip for a missing service into a failure.
"""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from finishd.run.embedded_redis import RedisServer, find_binary
from finishd.run.errors import StartupError
from finishd.run.guard import Guard
from finishd.testing import postgres

_redis_key = pytest.StashKey[RedisServer]()
_skip_all_key = pytest.StashKey[str]()
# The xdist controller passes its workers the cluster's URL, or the reason why there is no cluster.
_POSTGRES_URL = "FINISHD_TEST_POSTGRES_URL"
_NO_POSTGRES = "FINISHD_TEST_NO_POSTGRES"


def service_missing(reason: str) -> NoReturn:
    """Skip the running test because a service is missing, or fail it with FINISHD_REQUIRE_SERVICES=1."""
    if _are_services_required():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the servers and set the environment before pytest-django reads the settings."""
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    data = Path(tempfile.mkdtemp(prefix="finishd-test-")).resolve()
    stack.callback(shutil.rmtree, data, ignore_errors=True)
    guard = Guard()
    stack.callback(guard.close)
    redis_url = "redis://127.0.0.1:1/0"  # an xdist controller runs no tests, so it needs no server
    if not _is_controller(early_config):
        server = _start_redis(data, guard)
        stack.callback(server.stop)
        early_config.stash[_redis_key] = server
        redis_url = server.url
    os.environ.update(_environment(data, redis_url))
    if os.environ.get("FINISHD_TEST_DATABASE") == "postgresql":
        _use_postgres(early_config, data, guard, stack)
    result = yield
    _use_sqlite_file(data)
    return result


def pytest_report_header(config: pytest.Config) -> str:
    database = os.environ["DATABASE_URL"].partition(":")[0]
    return f"finishd: Redis from {find_binary()}, database {database}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reason = config.stash.get(_skip_all_key, None)
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        _restore_seeded_rows(item)


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """Start each test with an empty, running Redis server, closed circuit breakers and no report of readiness."""
    from core.redis import client
    from finishd.health import report

    server = request.config.stash[_redis_key]
    server.resume()
    server.start()
    server.flush()
    client._circuit_breakers.clear()
    report.clear()


@pytest.fixture
def redis_server(request: pytest.FixtureRequest) -> Generator[RedisServer, None, None]:
    """The Redis server of this process. A test may stop or pause it. It is restarted after the test."""
    server = request.config.stash[_redis_key]
    yield server
    server.resume()
    server.start()


def _restore_seeded_rows(item: pytest.Item) -> None:
    """Restore the rows of migrations (genres, periodic tasks) for a test that commits.

    Django empties the database after such a test. With `serialized_rollback` it restores the rows of migrations before
    the next one. All of these tests must use it, because Django otherwise creates content types with other ids.
    """
    marker = item.get_closest_marker("django_db")
    options = dict(marker.kwargs) if marker else {}
    fixtures = getattr(item, "fixturenames", ())
    if options.get("transaction") or "transactional_db" in fixtures or "live_server" in fixtures:
        options.update(transaction=True, serialized_rollback=True)
        item.add_marker(pytest.mark.django_db(**options), append=False)


def _are_services_required() -> bool:
    return os.environ.get("FINISHD_REQUIRE_SERVICES") == "1"


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _is_controller(config: pytest.Config) -> bool:
    """Return whether this process only distributes tests."""
    return not _is_worker() and bool(getattr(config.known_args_namespace, "numprocesses", None))


def _start_redis(data: Path, guard: Guard) -> RedisServer:
    directory = data / "redis"
    directory.mkdir()
    try:
        return RedisServer(directory=directory, guard=guard)
    except StartupError as error:  # no test can run without Redis
        raise pytest.UsageError(str(error)) from error


def _environment(data: Path, redis_url: str) -> dict[str, str]:
    """Return production settings for the servers of this process, for every variable that a .env may set."""
    from core.auth import devkeys
    from core.throttling import rates
    from finishd import throttles

    keys = data / "dev-keys"
    devkeys.ensure_keys(keys)
    return {
        "FINISHD_DATA": str(data),
        "DEBUG": "false",
        "SECRET_KEY": "a key for tests only; no server accepts its signatures",
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",  # the test client speaks plain HTTP
        "DATABASE_URL": f"sqlite:///{data / 'db.sqlite3'}",
        "REDIS_URL": redis_url,
        "CACHE_URL": redis_url,
        "CELERY_BROKER_URL": redis_url,
        "REDIS_REQUIRE_AOF": "false",  # the servers of tests write nothing to disk
        "FINISHD_EMBEDDED_REDIS": "false",
        "FIREBASE_PROJECT_ID": "finishd-test",
        "FIREBASE_KEYS_FILE": str(keys / "jwks.json"),
        "ACTIVITY_STORE": "orm",
        # Long limits in seconds, because the tests use all cores. Tests of deadlines set the limits of production.
        "REQUEST_DEADLINE": "60",
        "PAGE_DEADLINE": "60",
        "PAGE_BUDGET": "10",
        "PROMETHEUS_MULTIPROC_DIR": "",
        "METRICS_PORT": "0",
        "LOG_FORMAT": "",
        "LOG_LEVEL": "INFO",
        "FEED_TRACE_PERCENT": "0",  # a sampled trace would cost a round trip
        "TRUSTED_PROXIES": "",
        **rates.get_unlimited_environment(throttles.DEFAULTS),
    }


def _use_postgres(config: pytest.Config, data: Path, guard: Guard, stack: ExitStack) -> None:
    """Use the PostgreSQL cluster of the controller, or start one."""
    if not _is_worker():
        _start_postgres(data, guard, stack)
    if _POSTGRES_URL in os.environ:
        os.environ["DATABASE_URL"] = os.environ[_POSTGRES_URL]
    else:
        config.stash[_skip_all_key] = os.environ[_NO_POSTGRES]


def _start_postgres(data: Path, guard: Guard, stack: ExitStack) -> None:
    for name in (_POSTGRES_URL, _NO_POSTGRES):
        os.environ.pop(name, None)
    directory = data / "postgres"
    directory.mkdir()
    data.chmod(0o711)  # if pytest runs as root, the server runs as another user
    try:
        cluster = postgres.Cluster(directory=directory, guard=guard)
    except postgres.NoPostgres as missing:
        if _are_services_required():
            raise pytest.UsageError(str(missing)) from missing
        os.environ[_NO_POSTGRES] = str(missing)
        return
    stack.callback(cluster.stop)
    os.environ[_POSTGRES_URL] = cluster.url


def _use_sqlite_file(data: Path) -> None:
    """Use a database file, which several processes can open. Django's default for tests is in memory."""
    from django.conf import settings

    if settings.configured and settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(data / "test.sqlite3")
