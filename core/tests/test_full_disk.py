"""A full disk of this machine: an outage for requests, one sentence for commands, and lost lines for output."""

import contextlib
import errno
import logging
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Final

import celery.schedules
import pytest
from celery.beat import ScheduleEntry, Scheduler
from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError

from core.outages import REJECTED
from core.tests.outage_checks import check_bug, check_outage, raising
from finishd.celery import app
from finishd.run.output import Output
from finishd.testing.small_disk import small_disk

FULL: Final = Path("/dev/full")  # Linux: each write fails with ENOSPC
needs_dev_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


@needs_dev_full
@pytest.mark.urls("core.tests.outage_checks")
def test_a_file_that_a_request_cannot_write_is_a_503(caplog: pytest.LogCaptureFixture) -> None:
    check_outage(lambda: FULL.write_text("an upload"), REJECTED, caplog)
    check_outage(raising(OSError(errno.EDQUOT, "Disk quota exceeded")), REJECTED, caplog)
    check_bug(raising(OSError(errno.EACCES, "Permission denied")), caplog)


def test_manage_py_ends_with_one_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path, mebibytes=1) as disk:
        disk.fill()
        variables = [f"DATABASE_URL=sqlite:///{tmp_path / 'db.sqlite3'}", "DEBUG=true", "LOG_FORMAT=text"]
        command = ["env", *variables, sys.executable, "manage.py", "migrate"]
        result = subprocess.run(
            disk.command(*command, cwd=settings.BASE_DIR),
            env={**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("finishd: SqlUnavailable: ")
    assert "Traceback" not in result.stderr


@needs_dev_full
def test_make_run_goes_on_reading_the_lines_of_programs_that_it_cannot_write() -> None:
    stream = FULL.open("w")
    lines = StringIO("one\ntwo\n")
    Output(stream).forward("web", lines)
    assert lines.closed  # both lines were read
    with contextlib.suppress(OSError):
        stream.close()


@needs_dev_full
def test_a_process_whose_log_cannot_be_written_goes_on() -> None:
    logging_process = """
import logging, django
django.setup()
for number in range(20_000):
    logging.getLogger("core").warning("a line of a kind %s", hex(number))
print("went on")
"""
    with FULL.open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", logging_process],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.stdout == "went on\n"


def test_beat_logs_a_message_that_it_cannot_send_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Scheduler):
        def apply_async(self, *_: object, **__: object) -> None:
            raise BrokerError("MISCONF Errors writing to the AOF file")

    entry = ScheduleEntry(name="Sweep", task="sweep", schedule=celery.schedules.schedule(5.0), app=app)
    Broken(app=app, lazy=True).apply_entry(entry)
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert line.getMessage() == "Message Error: MISCONF Errors writing to the AOF file"
    assert line.exc_info is None
