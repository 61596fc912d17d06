from pathlib import Path

import pytest


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The path of an import's report."""
    return tmp_path / "report.jsonl"
