"""Tests of `make run`, started as in a terminal."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from finishd.run.ports import is_free
from finishd.testing.run_session import RunSession

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="needs /proc to find running processes"
    ),
]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunSession]:
    """A running `make run`, for tests that do not change it."""
    terminal = RunSession(tmp_path_factory.mktemp("data"))
    yield terminal.wait_until_up()
    terminal.close()


class TestRunning:
    def test_the_printed_curl_command_returns_ten_items(self, terminal: RunSession) -> None:
        result = subprocess.run(
            ["sh", "-c", f"{terminal.curl} --silent --fail"],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        assert len(json.loads(result.stdout)["feed"]) == 10

    def test_the_service_is_ready(self, terminal: RunSession) -> None:
        response = terminal.get("/health/ready", token="")
        assert (response.status_code, response.json()) == (200, {"status": "ready"})

    def test_pages_of_a_hundred_items_repeat_no_item(self, terminal: RunSession) -> None:
        seen: list[str] = []
        parameters: dict[str, str] = {}
        has_more = True
        while has_more:
            page = terminal.get("/api/v1/feed", limit=100, **parameters).json()
            seen += [item["id"] for item in page["feed"]]
            has_more = page["meta"]["hasMore"]
            parameters = {"cursor": page["meta"]["cursor"]}
        assert len(seen) >= 300
        assert len(set(seen)) == len(seen)

    def test_staff_can_log_in_with_the_printed_password(self, terminal: RunSession) -> None:
        password = re.search(r"user staff, password (\S+)", terminal.output)
        assert password
        with httpx.Client(base_url=f"http://127.0.0.1:{terminal.port}", follow_redirects=True) as browser:
            browser.get("/admin/login/")
            form = {
                "username": "staff",
                "password": password[1],
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            }
            response = browser.post("/admin/login/?next=/admin/", data=form)
        assert response.status_code == 200
        assert response.url.path == "/admin/"

    def test_manage_py_in_another_terminal_uses_the_same_servers(self, terminal: RunSession) -> None:
        token = manage(terminal, "token", "kofi")
        assert terminal.get("/api/v1/feed", token=token).status_code == 200

    def test_a_second_run_in_the_same_directory_ends_with_one_line(self, terminal: RunSession) -> None:
        second = RunSession(terminal.data)
        assert second.wait() == 1
        assert_one_line(second, "already runs in")

    def test_a_port_in_use_ends_with_one_line(self, terminal: RunSession, tmp_path: Path) -> None:
        second = RunSession(tmp_path, port=terminal.port)
        assert second.wait() == 1
        assert_one_line(second, f"Port {terminal.port} on 127.0.0.1 is in use")
        assert f"make run PORT={terminal.port + 1} FINISHD_DATA=" in second.output

    def test_a_run_in_another_directory_is_independent(self, terminal: RunSession, tmp_path: Path) -> None:
        other = RunSession(tmp_path).wait_until_up()
        try:
            assert other.get("/api/v1/feed").status_code == terminal.get("/api/v1/feed").status_code == 200
        finally:
            assert other.interrupt() == 0


class TestStopping:
    def test_ctrl_c_stops_all_processes_and_the_next_start_keeps_the_data(self, tmp_path: Path) -> None:
        first = RunSession(tmp_path).wait_until_up()
        page = first.get("/api/v1/feed").json()
        password = (tmp_path / "staff-password").read_text()
        assert first.interrupt() == 0
        assert_ended(first)

        second = RunSession(tmp_path).wait_until_up()
        try:
            assert (tmp_path / "staff-password").read_text() == password
            assert "load" not in second.output.lower()
            next_page = second.get("/api/v1/feed", cursor=page["meta"]["cursor"]).json()
            assert not {item["id"] for item in page["feed"]} & {item["id"] for item in next_page["feed"]}
            assert next_page["meta"].get("planRebuilt") is not True
        finally:
            second.interrupt()
        assert_ended(second)

    def test_a_killed_run_leaves_no_process_and_the_next_start_works(self, tmp_path: Path) -> None:
        first = RunSession(tmp_path).wait_until_up()
        assert len(first.find_processes()) > 5
        first.kill()
        second = (
            RunSession(tmp_path, port=first.port)
            if is_free("127.0.0.1", first.port)
            else RunSession(tmp_path)
        )
        try:
            second.wait_until_up()
            assert second.get("/api/v1/feed").status_code == 200
            assert_ended(first)
        finally:
            second.interrupt()

    def test_ctrl_c_during_the_start_stops_all_processes(self, tmp_path: Path) -> None:
        terminal = RunSession(tmp_path)
        while not (tmp_path / "run.env").exists():
            time.sleep(0.02)
        assert terminal.interrupt() == 0
        assert_ended(terminal)


def manage(terminal: RunSession, *arguments: str) -> str:
    """Run `manage.py` with only FINISHD_DATA set."""
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=terminal.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def assert_one_line(terminal: RunSession, expected: str) -> None:
    assert len(terminal.lines) == 1, terminal.output
    assert expected in terminal.output


def assert_ended(terminal: RunSession) -> None:
    deadline = time.monotonic() + 20
    while remaining := terminal.find_processes():
        assert time.monotonic() < deadline, f"still running: {remaining}"
        time.sleep(0.05)
