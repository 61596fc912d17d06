"""Pytest plugin: every test process gets a real Redis, its own data folder and its own database.

Loaded by `-p` in pyproject.toml, because Django's settings are read before any conftest. Each xdist worker,
or the one process without xdist, starts its own Redis by the function that `make run` uses. The database is
an SQLite file, or with FINISHD_TEST_DATABASE=postgresql one throw-away cluster that all workers share, each
with a database of its own. What the developer's environment names (DATABASE_URL, REDIS_URL, .env) is never
touched: tests empty what they are given.

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
# From the xdist controller to its workers: where the cluster is, or why there is none.
_POSTGRES_URL = "FINISHD_TEST_POSTGRES_URL"
_NO_POSTGRES = "FINISHD_TEST_NO_POSTGRES"


def service_missing(reason: str) -> NoReturn:
    """Skip the running test for want of a service, or fail it where FINISHD_REQUIRE_SERVICES=1."""
    if _required():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the servers and name them in the environment, then let pytest-django read the settings."""
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    data = Path(tempfile.mkdtemp(prefix="finishd-test-")).resolve()
    stack.callback(shutil.rmtree, data, ignore_errors=True)
    guard = Guard()
    stack.callback(guard.close)
    redis_url = "redis://127.0.0.1:1/0"  # an xdist controller runs no test and needs none
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
        _bring_seeded_rows_back(item)


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """Every test starts with an empty Redis that answers, and whose last failures are forgotten."""
    from core.redis import client

    server = request.config.stash[_redis_key]
    server.resume()
    server.start()
    server.flush()
    client._circuit_breakers.clear()


@pytest.fixture
def redis_server(request: pytest.FixtureRequest) -> Generator[RedisServer, None, None]:
    """This process's Redis, to be stopped, started, paused and resumed; whole again after the test."""
    server = request.config.stash[_redis_key]
    yield server
    server.resume()
    server.start()


def _bring_seeded_rows_back(item: pytest.Item) -> None:
    """Have what migrations put into SQL (genres, periodic tasks) there for a test that really commits.

    SQL is emptied after such a test. Django can put its first rows back before the next one, but must do so
    for all of them or none: it makes its own rows anew, under other numbers, after one without.
    """
    marker = item.get_closest_marker("django_db")
    options = dict(marker.kwargs) if marker else {}
    fixtures = getattr(item, "fixturenames", ())
    if options.get("transaction") or "transactional_db" in fixtures or "live_server" in fixtures:
        options.update(transaction=True, serialized_rollback=True)
        item.add_marker(pytest.mark.django_db(**options), append=False)


def _required() -> bool:
    return os.environ.get("FINISHD_REQUIRE_SERVICES") == "1"


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _is_controller(config: pytest.Config) -> bool:
    """Whether this process only hands tests out."""
    return not _is_worker() and bool(getattr(config.known_args_namespace, "numprocesses", None))


def _start_redis(data: Path, guard: Guard) -> RedisServer:
    directory = data / "redis"
    directory.mkdir()
    try:
        return RedisServer(directory=directory, guard=guard)
    except StartupError as refusal:  # nothing can be tested without
        raise pytest.UsageError(str(refusal)) from refusal


def _environment(data: Path, redis_url: str) -> dict[str, str]:
    """Production's settings on this process's servers; every name that a developer's .env might set."""
    from core.auth import devkeys
    from core.throttling import rates
    from finishd import throttles

    keys = data / "dev-keys"
    devkeys.ensure_keys(keys)
    return {
        "FINISHD_DATA": str(data),
        "DEBUG": "false",
        "SECRET_KEY": "for tests only: it signs nothing that anybody will trust",
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",  # the test client speaks plain HTTP
        "DATABASE_URL": f"sqlite:///{data / 'db.sqlite3'}",
        "REDIS_URL": redis_url,
        "CACHE_URL": redis_url,
        "CELERY_BROKER_URL": redis_url,
        "FINISHD_EMBEDDED_REDIS": "false",
        "FIREBASE_PROJECT_ID": "finishd-test",
        "FIREBASE_KEYS_FILE": str(keys / "jwks.json"),
        "ACTIVITY_STORE": "orm",
        # The machine is busy testing. Deadlines are tested where they are, with those of production.
        "REQUEST_DEADLINE": "60",
        "PAGE_DEADLINE": "60",
        "PAGE_BUDGET": "10",
        "PROMETHEUS_MULTIPROC_DIR": "",
        "METRICS_PORT": "0",
        "LOG_FORMAT": "",
        "LOG_LEVEL": "INFO",
        "FEED_TRACE_PERCENT": "0",  # by lot: one wait more, now and then
        "TRUSTED_PROXIES": "",
        **rates.get_unlimited_environment(throttles.DEFAULTS),
    }


def _use_postgres(config: pytest.Config, data: Path, guard: Guard, stack: ExitStack) -> None:
    """Name a cluster as the database: the controller's in a worker, else one that is started now."""
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
    data.chmod(0o711)  # the server runs as another user when pytest runs as root
    try:
        cluster = postgres.Cluster(directory=directory, guard=guard)
    except postgres.NoPostgres as missing:
        if _required():
            raise pytest.UsageError(str(missing)) from missing
        os.environ[_NO_POSTGRES] = str(missing)
        return
    stack.callback(cluster.stop)
    os.environ[_POSTGRES_URL] = cluster.url


def _use_sqlite_file(data: Path) -> None:
    """A file, so that several processes can open it; Django's own choice for tests is in one's memory."""
    from django.conf import settings

    if settings.configured and settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(data / "test.sqlite3")
