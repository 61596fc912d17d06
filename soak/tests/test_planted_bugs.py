"""Test that a soak notices bugs that are planted in the real servers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.servers import ROOT
from soak.planted.names import PROMISES


@pytest.mark.gauntlet
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", PROMISES)
def test_a_soak_notices_a_planted_bug_and_prints_the_operations_that_show_it(
    bug: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "soak", "--minutes", "0.8", "--seed", "1"]
    finished = subprocess.run(
        [*command, "--folder", str(tmp_path), "--bug", bug],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1, finished.stdout + finished.stderr[-5_000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["promises"][PROMISES[bug]]["violated"] > 0, finished.stdout
    assert any("operations are enough" in line for line in report["tables"])
    assert (tmp_path / "history.jsonl").stat().st_size > 0
