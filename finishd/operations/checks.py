"""System checks of a production configuration: `manage.py check --deploy --fail-level ERROR`.

They run with `--deploy` only, which the production image does before it serves.
Development and tests rightly use what they refuse.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

MIN_SECRET = 50  # characters, as Django's own W009 asks for
WEAK_PREFIXES = ("django-insecure-", "dev", "change", "insecure", "secret", "example", "test")


@register(Tags.security, deploy=True)
def check_development_keys(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Whoever holds the development key can sign in as anybody."""
    if not settings.FIREBASE_KEYS_FILE:
        return []
    return [
        Error(
            "FIREBASE_KEYS_FILE is set: tokens are verified with development keys.",
            hint="Unset it; Google's keys are fetched then. See also the run.env that `make run` leaves.",
            id="finishd.E001",
        )
    ]


@register(Tags.security, deploy=True)
def check_secret_key(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """It seals sessions and cursors."""
    key = settings.SECRET_KEY
    if len(key) >= MIN_SECRET and not key.lower().startswith(WEAK_PREFIXES) and len(set(key)) >= 5:
        return []
    return [
        Error(
            "SECRET_KEY is a default or too weak.",
            hint=f"Set it to {MIN_SECRET} or more random characters, kept out of the repository.",
            id="finishd.E002",
        )
    ]


@register(Tags.caches, deploy=True)
def check_embedded_redis(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """It dies with the terminal that started it."""
    if not settings.FINISHD_EMBEDDED_REDIS:
        return []
    return [
        Error(
            "FINISHD_EMBEDDED_REDIS is set: Redis is the one that `make run` started.",
            hint="Point REDIS_URL at a server of its own and unset FINISHD_EMBEDDED_REDIS.",
            id="finishd.E003",
        )
    ]


@register(Tags.security, deploy=True)
def check_firebase_project(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Without a project no token is good; keys from an address in the clear prove nothing."""
    found: list[CheckMessage] = []
    if not settings.FIREBASE_PROJECT_ID:
        found.append(
            Error(
                "FIREBASE_PROJECT_ID is not set: every request would be refused.",
                hint="Set it to the id of the Firebase project that the app signs in with.",
                id="finishd.E004",
            )
        )
    if urlsplit(settings.FIREBASE_KEYS_URL).scheme != "https":
        found.append(
            Error(
                "FIREBASE_KEYS_URL is not https.",
                hint="Leave it at Google's address: whoever answers there decides who is who.",
                id="finishd.E005",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_debug(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Django only warns of it (security.W018), and its error pages show settings and source."""
    if not settings.DEBUG:
        return []
    return [Error("DEBUG is on.", hint="Unset DEBUG.", id="finishd.E006")]


@register(Tags.security, deploy=True)
def check_trusted_proxies(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Who is limited depends on whose word for an address is taken."""
    networks = settings.TRUSTED_PROXIES.networks
    if any(network.prefixlen == 0 for network in networks):
        return [
            Error(
                "TRUSTED_PROXIES names everybody: any client may choose the address that it is limited by.",
                hint="Name the addresses of your proxies only.",
                id="finishd.E007",
            )
        ]
    if networks or not getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        return []
    return [
        checks.Warning(
            "TRUSTED_PROXIES is empty, although a proxy is trusted for X-Forwarded-Proto.",
            hint="Name the proxy's address or network: all clients count as one address else, the proxy's.",
            id="finishd.W002",
        )
    ]


@register(Tags.database, deploy=True)
def check_sqlite(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """One machine, one writer."""
    if settings.DATABASES["default"]["ENGINE"] != "core.sql.sqlite3":
        return []
    return [
        checks.Warning(
            "The database is SQLite.",
            hint="Set DATABASE_URL to PostgreSQL: SQLite has one writer and lives on one machine.",
            id="finishd.W001",
        )
    ]
