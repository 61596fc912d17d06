"""Tests of compose.yaml and the Dockerfile without a container engine.

`make check` validates both with the Compose schema and hadolint. These tests check their relation to the code.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from core.throttling import rates
from finishd import request_classes, throttles
from finishd.run import programs

OWN_SERVICES = ("web", *programs.WORKERS, "beat", "migrate")
ROOT = Path(settings.BASE_DIR)


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return services


@pytest.mark.parametrize("name", programs.WORKERS)
def test_workers_serve_the_same_queues_as_in_make_run(services: dict[str, dict[str, Any]], name: str) -> None:
    queues, _ = programs.WORKERS[name]
    assert ",".join(queues) in services[name]["command"]


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_secrets_come_from_the_environment_and_are_required(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    environment = services[name]["environment"]
    for variable in ("SECRET_KEY", "DATABASE_URL", "FIREBASE_PROJECT_ID", "ALLOWED_HOSTS"):
        assert re.search(r"\$\{\w+:\?", environment[variable]), variable


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_services_start_after_their_dependencies(services: dict[str, dict[str, Any]], name: str) -> None:
    expected = {"postgres", "redis"} | ({"migrate"} if name != "migrate" else set())
    assert set(services[name]["depends_on"]) == expected


@pytest.mark.parametrize("name", programs.WORKERS)
def test_metrics_of_workers_are_not_published(services: dict[str, dict[str, Any]], name: str) -> None:
    assert int(services[name]["environment"]["METRICS_PORT"]) > 0
    assert "ports" not in services[name]


def test_a_full_redis_rejects_writes_and_keeps_its_data(services: dict[str, dict[str, Any]]) -> None:
    command = " ".join(services["redis"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_the_image_runs_as_an_unprivileged_user() -> None:
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last_stage, re.MULTILINE)


def test_the_example_sets_no_variable() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_default_limits_equal_those_of_the_server(services: dict[str, dict[str, Any]]) -> None:
    defaults = rates.get_variables(throttles.DEFAULTS)
    example = dict(re.findall(r"^# (THROTTLE_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    passed_on = services["web"]["environment"]
    assert example == defaults
    # A dash without a colon: an empty value is valid and means no limit.
    assert {name: passed_on[name] for name in defaults} == {
        name: f"${{{name}-{default}}}" for name, default in defaults.items()
    }


@pytest.mark.slow
def test_compose_settings_pass_the_deploy_check(services: dict[str, dict[str, Any]]) -> None:
    """Run the check with the environment of a service and values for the required variables."""
    values = {
        "SECRET_KEY": "0123456789 a key for this test only, and for no server",
        "FIREBASE_PROJECT_ID": "finishd",
        "ALLOWED_HOSTS": "api.example.com",
        "POSTGRES_PASSWORD": "letters",
    }
    environment = {
        name: re.sub(
            r"\$\{(\w+)(?::?[-?]([^}]*))?\}", lambda match: values.get(match[1], match[2] or ""), str(value)
        )
        for name, value in services["migrate"]["environment"].items()
    }
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FINISHD_DATA": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    # Redis and PostgreSQL have no TLS: they share the private network of one machine.
    assert set(re.findall(r"\((\w+\.[EW]\d+)\)", result.stderr)) == {"finishd.W003", "finishd.W004"}


def test_the_image_contains_every_package_of_the_server() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"bench", "soak"} <= allowed


def test_the_proxy_has_the_servers_limits(services: dict[str, dict[str, Any]]) -> None:
    """The proxy waits longer than the server, and closes idle connections to it earlier."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    api, admin = (int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s;", text))
    assert api >= settings.SEARCH_WAIT + 1.5  # the default of REQUEST_DEADLINE, which tests raise
    assert admin >= request_classes.STAFF_PAGES.total
    assert int(re.findall(r"keepalive_timeout (\d+)s;", text)[1]) < settings.WEB_IDLE_SECONDS
    assert f"client_max_body_size {settings.STAFF_BODY_MB}m;" in text
    assert "./deploy/nginx.conf:/etc/finishd/nginx.conf:ro" in services["proxy"]["volumes"]
