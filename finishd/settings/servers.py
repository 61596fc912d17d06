"""SQL and Redis: where they are, and how long a request waits for them."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.sql.postgresql.base import Connection
from finishd.settings.environment import FINISHD_DATA, env

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{FINISHD_DATA / 'db.sqlite3'}")
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
        "pool": {
            "connection_class": Connection,
            "min_size": 0,
            # One for each thread of a web process (eight with Firestore), and some for readiness.
            "max_size": env.int("DATABASE_POOL", default=12),
            "timeout": 5,  # seconds that work without a deadline waits for a connection
            # One attempt for the callers that wait now. The circuit breaker decides when to try again, because
            # the pool's own pauses grow.
            "reconnect_timeout": 0.2,
        },
        "connect_timeout": 2,
        "server_side_binding": True,
    }

REDIS_URL = env.str("REDIS_URL", default="")
if not REDIS_URL:
    raise ImproperlyConfigured("REDIS_URL is not set. `make run` starts a Redis server; otherwise name one.")
CACHE_URL = env.str("CACHE_URL", default=REDIS_URL)
REDIS_TIMEOUT = env.float("REDIS_TIMEOUT", default=0.15)  # seconds that a request waits for one reply
FINISHD_EMBEDDED_REDIS = env.bool("FINISHD_EMBEDDED_REDIS", default=False)


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
                "max_connections": env.int("REDIS_POOL", default=64),
                "retry": Retry(NoBackoff(), 0),
                # Under protocol 3, redis-py 8 formats each score of a sorted set as text and parses it again.
                "protocol": 2,
            },
        },
    }


CACHES = {"default": _redis(CACHE_URL), "state": _redis(REDIS_URL)}
