"""The runbook with SQLite: a backup while processes run, a newer Redis, and `manage.py after_restore`."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.usefixtures("redis_server")]

COUNT_CARDS = (
    "from content.models import Item; from content.services import cards; "
    "print(sum(card is not None for card in cards.get_cards(list(Item.objects.values_list('id', flat=True)))))"
)
ARCHIVE_ALL = (
    "from django.utils import timezone; from content.models import Item; from content.services import items; "
    "print(items.set_status(list(Item.objects.values_list('id', flat=True)), Item.Status.ARCHIVED, "
    "now=timezone.now()))"
)


class Deployment:
    """Commands of one deployment: the Redis server of the test, and SQLite in a file of its own."""

    def __init__(self, directory: Path) -> None:
        self.database = directory / "db.sqlite3"
        self._environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{self.database}",
            "FINISHD_DATA": str(directory),
            "REDIS_TIMEOUT": "5",
        }

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def run(self, *arguments: str) -> str:
        result = self.manage(*arguments)
        assert result.returncode == 0, result.stderr[-2000:]
        return result.stdout

    def count_cards(self) -> int:
        """Return the number of items that viewers see."""
        return int(self.run("shell", "-v", "0", "-c", COUNT_CARDS))

    def back_up(self, target: Path) -> None:
        with closing(sqlite3.connect(self.database)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    def restore(self, backup: Path) -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{self.database}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(backup, self.database)


def test_items_that_were_archived_after_the_backup_are_visible_after_the_restore(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.run("migrate", "-v", "0")
    deployment.run("load_demo")
    published = deployment.count_cards()
    deployment.back_up(tmp_path / "backup.sqlite3")
    deployment.run("shell", "-v", "0", "-c", ARCHIVE_ALL)
    assert deployment.count_cards() == 0

    started_at = time.monotonic()
    deployment.restore(tmp_path / "backup.sqlite3")
    assert deployment.count_cards() == 0  # Redis has newer cards
    failed = deployment.manage("rebuild_cards", "-v", "0")
    assert failed.returncode == 1
    assert "run `manage.py after_restore`" in failed.stderr
    print(deployment.run("after_restore"))
    assert deployment.count_cards() == published > 40
    print(f"restored after {time.monotonic() - started_at:.1f} s")
