"""The disks and the clock of the machine."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from core.observability import clocks
from finishd.health import report
from finishd.health.checks import machine
from finishd.health.tests.conftest import GetPart
from finishd.operations.tests.scraping import TOKEN, scrape
from finishd.testing.processes import processes

pytestmark = pytest.mark.django_db(transaction=True)

# Python imports this module at the start of each process. Each of them is ten minutes behind.
SITECUSTOMIZE = """
import time
get_time = time.time
time.time = lambda: get_time() - 600
"""


class TestDisk:
    def test_a_disk_with_too_little_room_makes_the_process_not_ready(
        self, settings: Any, get_part: GetPart
    ) -> None:
        settings.MIN_FREE_DISK_MB = 10**9
        part = get_part("disk")
        assert part["status"] == "disk_low"
        assert re.fullmatch(
            r"A disk of this machine has \d+ MB left\. MIN_FREE_DISK_MB is 1000000000\.", part["reason"]
        )
        assert not report.get_report().is_ready

    def test_zero_turns_the_check_off(self, settings: Any, get_part: GetPart) -> None:
        settings.MIN_FREE_DISK_MB = 0
        assert get_part("disk")["freeMegabytes"] >= 0

    def test_the_disk_of_a_folder_that_does_not_exist_yet_is_checked(
        self, settings: Any, get_part: GetPart, tmp_path: Path
    ) -> None:
        settings.FINISHD_DATA = tmp_path / "not" / "yet"
        assert get_part("disk")["status"] == "ok"
        assert next(machine._get_folders()) == tmp_path


@pytest.mark.parametrize(
    ("offsets", "wrong"),
    [
        ({"redis": 0.2, "sql": -4.0}, None),
        ({"redis": 600.0, "sql": 601.0}, "process"),
        ({"redis": -600.0, "sql": -601.0}, "process"),
        ({"redis": -10.0, "sql": 0.3}, "redis"),
        ({"redis": 0.3, "sql": 7.0}, "sql"),
        ({"redis": 100.0, "sql": -100.0}, None),
        ({"redis": 6.0}, None),
    ],
)
def test_the_clock_that_differs_from_two_others_is_wrong(
    offsets: dict[str, float], wrong: str | None
) -> None:
    assert clocks.find_wrong_clock(offsets) == wrong


class TestClock:
    def test_the_offsets_are_measured(self, settings: Any, get_part: GetPart) -> None:
        settings.METRICS_TOKEN = TOKEN
        part = get_part("clock")
        servers = {"redis", "sql"} if connection.vendor == "postgresql" else {"redis"}
        assert (part["status"], set(part["offsetSeconds"])) == ("ok", servers)
        assert all(abs(offset) < 1 for offset in part["offsetSeconds"].values())
        samples = scrape()
        assert abs(samples["finishd_clock_offset_seconds", (("server", "redis"),)]) < 1
        assert samples["finishd_part_ready", (("part", "clock"),)] == 1

    def test_a_process_with_a_wrong_clock_rejects_tokens_is_not_ready_and_says_why(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE)
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        with processes(tmp_path) as started:
            web = started.web(PYTHONPATH=path, METRICS_TOKEN=TOKEN)
            assert web.get("/api/v1/social/stats/ama", "ama").status_code == 401
            response = web.get_as("/health/ready", TOKEN)
            part = response.json()["parts"]["clock"]
            assert "not ready: clock: clock_skew: This process's clock is" in started.output
        assert (response.status_code, part["status"]) == (503, "clock_skew")
        assert part["offsetSeconds"]["redis"] == pytest.approx(600, abs=2)
        assert part["wrong"] == ("process" if connection.vendor == "postgresql" else "unknown")
        assert re.match(r"This process's clock is (599|60[0-2])\.\d s behind redis", part["reason"])

    def test_the_clock_of_sql_is_wrong_if_redis_agrees_with_the_process(self, get_part: GetPart) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has the clock of its process")
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA late")
            cursor.execute(
                "CREATE FUNCTION late.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
                " AS $$ SELECT pg_catalog.clock_timestamp() - interval '12 s' $$"
            )
            cursor.execute(f"ALTER DATABASE {name} SET search_path = late, public, pg_catalog")
        connection.close_pool()  # type: ignore[attr-defined]
        try:
            part = get_part("clock")
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {name} RESET search_path")
                cursor.execute("DROP SCHEMA late CASCADE")
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]
        assert (part["status"], part["wrong"]) == ("clock_skew", "sql")
        assert part["reason"].endswith("The clock of sql is wrong.")
