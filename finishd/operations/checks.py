"""System checks of a production configuration: `manage.py check --deploy --fail-level ERROR`.

They run with `--deploy` only. The production image runs them before it serves. Development and tests use settings
that they refuse. Values that no process can use are refused earlier, by `core/environment/`.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from core.environment import urls

MIN_SECRET = 50  # characters, as Django's own W009 asks for
REDIS_SETTINGS = ("REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL")
WEAK_PREFIXES = ("django-insecure-", "dev", "change", "insecure", "secret", "example", "test")


@register(Tags.security, deploy=True)
def check_development_keys(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse development keys: anyone who has them can sign in as any user."""
    if not settings.FIREBASE_KEYS_FILE:
        return []
    return [
        Error(
            "FIREBASE_KEYS_FILE is set: development keys verify the tokens.",
            hint="Unset it, so that Google's keys are used. See also run.env, which `make run` writes.",
            id="finishd.E001",
        )
    ]


@register(Tags.security, deploy=True)
def check_secret_key(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse a weak SECRET_KEY: it signs sessions and cursors."""
    key = settings.SECRET_KEY
    if len(key) >= MIN_SECRET and not key.lower().startswith(WEAK_PREFIXES) and len(set(key)) >= 5:
        return []
    return [
        Error(
            "SECRET_KEY is a default or too weak.",
            hint=f"Set it to {MIN_SECRET} or more random characters. Keep it out of the repository.",
            id="finishd.E002",
        )
    ]


@register(Tags.caches, deploy=True)
def check_embedded_redis(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse the embedded Redis: it ends with the terminal that started it."""
    if not settings.FINISHD_EMBEDDED_REDIS:
        return []
    return [
        Error(
            "FINISHD_EMBEDDED_REDIS is set: the Redis server belongs to `make run`.",
            hint="Set REDIS_URL to another server and unset FINISHD_EMBEDDED_REDIS.",
            id="finishd.E003",
        )
    ]


@register(Tags.security, deploy=True)
def check_firebase_project(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Require a Firebase project and an HTTPS address of its keys."""
    found: list[CheckMessage] = []
    if not settings.FIREBASE_PROJECT_ID:
        found.append(
            Error(
                "FIREBASE_PROJECT_ID is not set, so every token is invalid.",
                hint="Set it to the id of the Firebase project that the app signs in with.",
                id="finishd.E004",
            )
        )
    if urlsplit(settings.FIREBASE_KEYS_URL).scheme != "https":
        found.append(
            Error(
                "FIREBASE_KEYS_URL is not https.",
                hint="Use Google's address. Its keys decide which tokens are valid.",
                id="finishd.E005",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_debug(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse DEBUG: its error pages show settings and source. Django only warns (security.W018)."""
    if not settings.DEBUG:
        return []
    return [Error("DEBUG is on.", hint="Unset DEBUG.", id="finishd.E006")]


@register(Tags.security, deploy=True)
def check_trusted_proxies(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Check the trusted proxies: they decide which address a client is throttled by."""
    networks = settings.TRUSTED_PROXIES.networks
    if any(network.prefixlen == 0 for network in networks):
        return [
            Error(
                "TRUSTED_PROXIES contains all addresses, so a client can choose the address it is throttled by.",
                hint="List only the addresses of your proxies.",
                id="finishd.E007",
            )
        ]
    if networks or not getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        return []
    return [
        checks.Warning(
            "TRUSTED_PROXIES is empty, although a proxy is trusted for X-Forwarded-Proto.",
            hint="List the proxy's address or network. Otherwise all clients share the proxy's address.",
            id="finishd.W002",
        )
    ]


@register(Tags.database, deploy=True)
def check_sqlite(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn about SQLite: it has one writer and runs on one machine."""
    if settings.DATABASES["default"]["ENGINE"] != "core.sql.sqlite3":
        return []
    return [
        checks.Warning(
            "The database is SQLite.",
            hint="Set DATABASE_URL to a PostgreSQL server. SQLite has one writer and runs on one machine.",
            id="finishd.W001",
        )
    ]


@register(Tags.security, deploy=True)
def check_certificates(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse a Redis URL that turns off the verification of certificates: anyone on the way could read and write."""
    weak = {("ssl_cert_reqs", "none"), ("ssl_check_hostname", "false")}
    return [
        Error(
            f"{name} turns off the verification of certificates.",
            hint="Remove ssl_cert_reqs and ssl_check_hostname from the URL. Name a private CA in ssl_ca_certs.",
            id="finishd.E008",
        )
        for name in REDIS_SETTINGS
        if weak & set(urls.get_parameters(getattr(settings, name)).items())
    ]


@register(Tags.security, deploy=True)
def check_redis_encryption(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn about Redis on another machine without TLS."""
    return [
        checks.Warning(
            f"{name} uses redis:// to another host, so passwords and people's data are not encrypted.",
            hint="Use rediss:// (docs/OPERATIONS.md, TLS). Ignore this within the private network of one machine.",
            id="finishd.W003",
        )
        for name in REDIS_SETTINGS
        if _is_plain_and_remote(getattr(settings, name))
    ]


@register(Tags.caches, deploy=True)
def check_persistence(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn if readiness accepts a Redis without an append-only file: its restart loses accepted events."""
    if settings.REDIS_REQUIRE_AOF:
        return []
    return [
        checks.Warning(
            "REDIS_REQUIRE_AOF is off, so a Redis that keeps no data is ready.",
            hint="Unset it, unless REDIS_URL is a managed server that keeps its data without an append-only file.",
            id="finishd.W005",
        )
    ]


@register(Tags.database, deploy=True)
def check_database_encryption(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn about PostgreSQL on another machine whose certificate is not verified."""
    database = settings.DATABASES["default"]
    if not database.get("HOST") or urls.is_local(database["HOST"]):
        return []
    if database.get("OPTIONS", {}).get("sslmode") == "verify-full":
        return []
    return [
        checks.Warning(
            "DATABASE_URL names another host without sslmode=verify-full, so the server may be any server.",
            hint="Add ?sslmode=verify-full&sslrootcert=… (docs/OPERATIONS.md, TLS). Ignore this within the private "
            "network of one machine.",
            id="finishd.W004",
        )
    ]


def _is_plain_and_remote(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "redis" and not urls.is_local(parts.hostname or "")
