"""The environment of the processes that the bench and the soak start."""

import os
from pathlib import Path
from typing import Final

from core.throttling import rates
from finishd import throttles

_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV", "SYSTEMROOT")


def build_environment(*, data: Path, redis_url: str, database_url: str) -> dict[str, str]:
    """Return production's settings for these servers.

    The environment sets every variable that a `.env` file may set, so neither the caller's environment nor such a file
    has an effect on a measurement.
    """
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "PYTHONUNBUFFERED": "1",
        "FINISHD_DATA": str(data),
        "DEBUG": "false",
        "SECRET_KEY": "for measurements only: no other system accepts what it signs",
        "ALLOWED_HOSTS": "127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": "",
        "SECURE_SSL_REDIRECT": "false",  # The load uses plain HTTP.
        "TRUST_X_FORWARDED_PROTO": "false",
        "DATABASE_URL": database_url,
        "DATABASE_POOL": "8",
        "REDIS_URL": redis_url,
        "CACHE_URL": redis_url,
        "CELERY_BROKER_URL": redis_url,
        "REDIS_TIMEOUT": "2",  # A stall appears as a slow page and does not end the run.
        "REDIS_POOL": "64",
        "FINISHD_EMBEDDED_REDIS": "false",
        "FIREBASE_PROJECT_ID": "finishd-bench",
        "FIREBASE_KEYS_FILE": str(data / "dev-keys" / "jwks.json"),
        "ACTIVITY_STORE": "orm",
        "FIRESTORE_EMULATOR_HOST": "",
        "FANOUT_PUSH_LIMIT": "1000000",
        "FEED_TRACE_PERCENT": "1",
        "ANALYTICS_SHARDS": "4",
        "ANALYTICS_STREAM_EVENTS": "2000000",
        "ANALYTICS_MARKS_MB": "256",
        "METRICS_TOKEN": "",
        "TRUSTED_PROXIES": "",
        **rates.get_unlimited_environment(
            throttles.DEFAULTS
        ),  # Requests are counted as in production, but none is rejected.
        "LOG_LEVEL": "INFO",  # One line for each request, as in production.
        "LOG_FORMAT": "json",
        "METRICS_PORT": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(data / "metrics"),
    }
