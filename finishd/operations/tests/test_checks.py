"""Test that `check --deploy` rejects development settings. The tests run the real command."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from core.throttling.addresses import TrustedProxies
from finishd.testing.commands import SIGNING_KEY, production, run_python


def check(environment: dict[str, str], level: str = "WARNING") -> subprocess.CompletedProcess[str]:
    return run_python("manage.py", "check", "--deploy", "--fail-level", level, environment=environment)


def test_a_production_configuration_is_clean(tmp_path: Path) -> None:
    result = check(production(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"FIREBASE_KEYS_FILE": "/srv/dev-keys/jwks.json"}, "finishd.E001"),
        ({"SECRET_KEY": "django-insecure-" + SIGNING_KEY}, "finishd.E002"),
        ({"FINISHD_EMBEDDED_REDIS": "true"}, "finishd.E003"),
        ({"FIREBASE_PROJECT_ID": ""}, "finishd.E004"),
        ({"DEBUG": "true"}, "finishd.E006"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "finishd.E007"),
    ],
)
def test_development_settings_are_rejected(tmp_path: Path, changes: dict[str, str], finding: str) -> None:
    result = check(production(tmp_path, **changes), level="ERROR")
    assert result.returncode == 1
    assert finding in result.stderr


def test_the_settings_of_make_run_are_rejected_without_debug(tmp_path: Path) -> None:
    (tmp_path / "run.env").write_text(
        "DEBUG=true\nSECRET_KEY=dev-key\nREDIS_URL=redis://127.0.0.1:1/0\nFIREBASE_PROJECT_ID=finishd-dev\n"
        "FIREBASE_KEYS_FILE=/srv/dev-keys/jwks.json\nFINISHD_EMBEDDED_REDIS=true\n"
    )
    environment = {"PATH": os.environ["PATH"], "FINISHD_DATA": str(tmp_path), "DEBUG": "false"}
    result = check(environment, level="ERROR")
    assert result.returncode == 1
    for finding in ("finishd.E001", "finishd.E002", "finishd.E003"):
        assert finding in result.stderr


def test_sqlite_gives_a_warning(tmp_path: Path) -> None:
    result = check(production(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}"))
    assert result.returncode == 1
    assert "finishd.W001" in result.stderr


@pytest.mark.parametrize(
    ("networks", "findings"),
    [([], {"finishd.W002"}), (["10.0.0.5"], set()), (["10.0.0.5", "::/0"], {"finishd.E007"})],
)
def test_trusted_proxies_must_not_contain_all_addresses(
    networks: list[str], findings: set[str], settings: Any
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRUSTED_PROXIES = TrustedProxies.parse(networks)
    assert _get_finding_ids() & {"finishd.W002", "finishd.E007"} == findings


@pytest.mark.parametrize(
    "key",
    ["short", "a" * 80, "change-me-" + SIGNING_KEY, "development-" + SIGNING_KEY, "Secret " + SIGNING_KEY],
)
def test_a_guessable_secret_key_is_rejected(key: str, settings: Any) -> None:
    settings.SECRET_KEY = key
    assert "finishd.E002" in _get_finding_ids()


def test_keys_from_an_address_without_https_are_rejected(settings: Any) -> None:
    settings.FIREBASE_KEYS_URL = "http://www.googleapis.com/keys"
    assert "finishd.E005" in _get_finding_ids()


@pytest.mark.parametrize("name", ["REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL"])
@pytest.mark.parametrize(
    ("url", "findings"),
    [
        ("redis://127.0.0.1:6379/0", set()),
        ("redis://[::1]:6379/0", set()),
        ("redis://localhost/0", set()),
        ("redis://10.0.0.5/0", {"finishd.W003"}),
        ("redis://redis.internal/0", {"finishd.W003"}),
        ("rediss://redis.internal/0", set()),
        ("rediss://redis.internal/0?ssl_ca_certs=/srv/ca.pem", set()),
        ("rediss://redis.internal/0?ssl_cert_reqs=none", {"finishd.E008"}),
        ("rediss://127.0.0.1/0?ssl_check_hostname=false", {"finishd.E008"}),
    ],
)
def test_redis_on_another_machine_needs_verified_tls(
    name: str, url: str, findings: set[str], settings: Any
) -> None:
    setattr(settings, name, url)
    assert _get_finding_ids() & {"finishd.W003", "finishd.E008"} == findings


@pytest.mark.parametrize(
    ("host", "options", "findings"),
    [
        ("", {}, set()),
        ("127.0.0.1", {}, set()),
        ("/var/run/postgresql", {}, set()),
        ("db.internal", {}, {"finishd.W004"}),
        ("db.internal", {"sslmode": "require"}, {"finishd.W004"}),
        ("db.internal", {"sslmode": "verify-full"}, set()),
    ],
)
def test_postgresql_on_another_machine_needs_verified_tls(
    host: str, options: dict[str, str], findings: set[str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "HOST", host)
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)
    assert _get_finding_ids() & {"finishd.W004"} == findings


def test_readiness_without_persistence_is_a_finding(settings: Any) -> None:
    assert "finishd.W005" in _get_finding_ids()  # the servers of tests keep no data
    settings.REDIS_REQUIRE_AOF = True
    assert "finishd.W005" not in _get_finding_ids()


def test_every_finding_has_a_hint() -> None:
    own_findings = [message for message in run_checks(include_deployment_checks=True) if _is_own(message.id)]
    assert own_findings, "the settings of the tests have findings for production"
    assert all(message.hint for message in own_findings)


def test_development_and_tests_have_no_findings() -> None:
    assert [message for message in run_checks() if _is_own(message.id)] == []


def _get_finding_ids() -> set[str | None]:
    return {message.id for message in run_checks(include_deployment_checks=True)}


def _is_own(identity: str | None) -> bool:
    return identity is not None and identity.startswith("finishd.")


@pytest.mark.parametrize("shards", ["0", "65"])
def test_an_invalid_number_of_shards_is_rejected(tmp_path: Path, shards: str) -> None:
    result = check(production(tmp_path, ANALYTICS_SHARDS=shards))
    assert result.returncode != 0
    assert f"ANALYTICS_SHARDS is '{shards}'; it must be a whole number from 1 to 64." in result.stderr
