"""`manage.py` itself, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from finishd.testing.commands import production


@pytest.mark.parametrize("command", ["help", "diffsettings"])
def test_a_command_whose_output_is_closed_ends_without_a_traceback(command: str, tmp_path: Path) -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", command],
            env=production(tmp_path),
            cwd=settings.BASE_DIR,
            stdout=writing_end,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(writing_end)
    assert (done.returncode, done.stderr) == (1, "")
