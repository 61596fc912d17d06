"""Tests of the start of `make run`: configuration, errors, settings and the staff user."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from activity.dispatch import REPEATS
from finishd.run import config, prepare, programs, steps
from finishd.run.errors import StartupError
from finishd.run.ports import free_port

pytestmark = pytest.mark.timeout(60)


class TestStartupErrors:
    """Startup errors, which are printed as one line without a traceback."""

    def test_a_port_in_use_is_reported(self, tmp_path: Path) -> None:
        with (
            listen_on_free_port() as port,
            pytest.raises(StartupError, match=rf"Port {port} .* FINISHD_DATA="),
        ):
            config.check_port(make_config(tmp_path, PORT=str(port)))

    @pytest.mark.parametrize("port", ["abc", "0", "65536", "-1"])
    def test_an_invalid_port_is_reported(self, tmp_path: Path, port: str) -> None:
        with pytest.raises(StartupError, match=f"PORT={port} is not a port"):
            make_config(tmp_path, PORT=port)

    def test_a_host_of_another_machine_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(StartupError, match="not an address of this machine"):
            config.check_port(make_config(tmp_path, HOST="192.0.2.1"))

    def test_a_data_directory_that_is_a_file_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StartupError, match="cannot be created"):
            config.load_config({"FINISHD_DATA": str(tmp_path / "file")})

    def test_a_redis_that_does_not_respond_is_reported(self) -> None:
        with pytest.raises(StartupError, match="The Redis server at REDIS_URL does not respond"):
            steps.check_redis(f"redis://127.0.0.1:{free_port()}/0")

    def test_an_invalid_redis_url_is_reported(self) -> None:
        with pytest.raises(StartupError, match="REDIS_URL"):
            steps.check_redis("localhost:6379")

    def test_a_second_run_in_the_same_directory_is_rejected(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(steps, "LOCK_SECONDS", 0.2)
        with steps.acquire_run_lock(tmp_path), pytest.raises(StartupError, match="already runs in"):
            steps.acquire_run_lock(tmp_path)
        steps.acquire_run_lock(tmp_path).close()


class TestSettings:
    def test_variables_of_the_environment_have_precedence(self, tmp_path: Path) -> None:
        variables = {
            "REDIS_URL": "redis://elsewhere/0",
            "CACHE_URL": "redis://elsewhere/1",
            "CELERY_BROKER_URL": "redis://elsewhere/2",
            "DATABASE_URL": "postgres://elsewhere/finishd",
        }
        run_settings = config.settings_for(make_config(tmp_path, **variables), embedded_redis=None)
        assert variables.items() <= run_settings.items()
        assert run_settings["FINISHD_EMBEDDED_REDIS"] == "false"

    def test_the_secret_key_is_kept_across_restarts(self, tmp_path: Path) -> None:
        run_config = make_config(tmp_path)
        first = config.settings_for(run_config, embedded_redis="redis://127.0.0.1:1/0")
        config.write_run_env(run_config.run_env, first)
        second = config.settings_for(run_config, embedded_redis="redis://127.0.0.1:2/0")
        assert first["SECRET_KEY"] == second["SECRET_KEY"]
        assert second["REDIS_URL"].endswith(":2/0")

    def test_only_the_owner_can_read_run_env(self, tmp_path: Path) -> None:
        run_config = make_config(tmp_path)
        config.write_run_env(run_config.run_env, {"SECRET_KEY": "s"})
        assert run_config.run_env.stat().st_mode & 0o777 == 0o600

    def test_workers_serve_every_queue_that_tasks_use(self) -> None:
        routes: dict[str, dict[str, str]] = settings.CELERY_TASK_ROUTES
        sent = {settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in routes.values()), REPEATS}
        assert sent == {queue for queues, _ in programs.WORKERS.values() for queue in queues}


class TestWelcome:
    def test_the_hint_names_a_data_directory_other_than_the_default(self, tmp_path: Path) -> None:
        data = tmp_path / "my data"
        message = steps.welcome(make_config(data), "pw", "t")
        assert f"FINISHD_DATA='{data}' .venv/bin/python manage.py token UID" in message
        default = config.Config("127.0.0.1", 8000, config.ROOT / ".data", {})
        assert "FINISHD_DATA" not in steps.welcome(default, "pw", "t")


@pytest.mark.parametrize("command", ["token", "migrate"])
def test_manage_py_names_a_missing_setting_in_one_line(tmp_path: Path, command: str) -> None:
    # Empty, so that a developer's .env has no effect.
    environment = {"PATH": os.environ["PATH"], "FINISHD_DATA": str(tmp_path), "SECRET_KEY": ""}
    result = subprocess.run(
        [sys.executable, "manage.py", command],
        env=environment,
        cwd=config.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = result.stderr.splitlines()
    assert line.startswith("SECRET_KEY is not set.")
    assert f"FINISHD_DATA is the data directory of a run: {tmp_path}" in line
    assert result.returncode == 1


@pytest.mark.django_db
class TestStaff:
    def test_a_random_password_is_created_once(self, tmp_path: Path) -> None:
        password_file = tmp_path / "staff-password"
        password = prepare.ensure_staff(password_file, None)
        assert password
        assert prepare.ensure_staff(password_file, None) == password
        assert User.objects.get(username="staff").check_password(password)
        assert password_file.stat().st_mode & 0o777 == 0o600

    def test_a_given_password_replaces_the_random_one(self, tmp_path: Path) -> None:
        prepare.ensure_staff(tmp_path / "staff-password", None)
        assert prepare.ensure_staff(tmp_path / "staff-password", "correct horse") == "correct horse"
        assert User.objects.get(username="staff").check_password("correct horse")

    def test_a_password_that_was_changed_in_the_admin_is_kept(self, tmp_path: Path) -> None:
        prepare.ensure_staff(tmp_path / "staff-password", None)
        staff = User.objects.get(username="staff")
        staff.set_password("changed by hand")
        staff.save()
        assert prepare.ensure_staff(tmp_path / "staff-password", None) is None


def make_config(data: Path, **environment: str) -> config.Config:
    return config.load_config({"FINISHD_DATA": str(data), **environment})


@contextmanager
def listen_on_free_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
