"""SQL and Redis: where they are, and how long a request waits for them."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.redis.run_ids import remember_run_id
from core.sql.postgresql.base import Connection
from finishd.settings.environment import DEBUG, FINISHD_DATA, read

# Connections to PostgreSQL: one for each thread of a web process (WEB_THREADS and six more), and some for readiness.
DATABASE_POOL = read.count("DATABASE_POOL", default=16, maximum=1_000)
DATABASES: dict[str, dict[str, Any]] = {
    "default": environ.Env.db_url_config(
        read.database_url("DATABASE_URL", default=f"sqlite:///{FINISHD_DATA / 'db.sqlite3'}")
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "core.sql.sqlite3"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer takes the lock first, so it cannot fail half-way
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["ENGINE"] = "core.sql.postgresql"
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),  # sslmode and other parameters of the URL
        "pool": {
            "connection_class": Connection,
            "min_size": 0,
            "max_size": DATABASE_POOL,
            "timeout": 5,  # seconds that work without a deadline waits for a connection
            # One attempt for the callers that wait now. The circuit breaker decides when to try again, because
            # the pool's own pauses grow.
            "reconnect_timeout": 0.2,
        },
        "connect_timeout": 2,
        "server_side_binding": True,
    }

REDIS_URL = read.redis_url("REDIS_URL")
if not REDIS_URL:
    raise ImproperlyConfigured("REDIS_URL is not set. `make run` starts a Redis server; otherwise name one.")
CACHE_URL = read.redis_url("CACHE_URL", default=REDIS_URL)
REDIS_TIMEOUT = read.seconds("REDIS_TIMEOUT", default=0.15, maximum=60)  # that a request waits for one reply
REDIS_POOL = read.count("REDIS_POOL", default=64, maximum=10_000)
# Whether a Redis without an append-only file makes the service not ready
REDIS_REQUIRE_AOF = read.flag("REDIS_REQUIRE_AOF", default=not DEBUG)
FINISHD_EMBEDDED_REDIS = read.flag("FINISHD_EMBEDDED_REDIS", default=False)


def _redis(url: str) -> dict[str, Any]:
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": {
            "SOCKET_TIMEOUT": REDIS_TIMEOUT,
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT,
            "REDIS_CLIENT_CLASS": "core.redis.client.GuardedRedis",
            "PARSER_CLASS": "core.redis.client.DeadlineParser",
            # By default redis-py retries ten times, even commands that are not idempotent.
            "CONNECTION_POOL_KWARGS": {
                "max_connections": REDIS_POOL,
                "retry": Retry(NoBackoff(), 0),
                # Under protocol 3, redis-py 8 formats each score of a sorted set as text and parses it again.
                "protocol": 2,
                # A restart or a failover of Redis is noticed before the first command (docs/decisions/0032).
                "redis_connect_func": remember_run_id,
            },
        },
    }


CACHES = {"default": _redis(CACHE_URL), "state": _redis(REDIS_URL)}
