"""Every test file whose result depends on the database runs on PostgreSQL too, in `make test`."""

import re
import subprocess
from pathlib import Path
from typing import Final

from django.conf import settings

ROOT: Final = Path(settings.BASE_DIR)
APPS: Final = ("core", "content", "analytics", "activity", "feed", "finishd")

# Test files that use the database and have the same result on SQLite and PostgreSQL: other files test their SQL, or
# they start their own servers.
SAME_ON_BOTH: Final = frozenset(
    {
        "activity/tests/test_api_costs.py",
        "activity/tests/test_api_follows.py",
        "activity/tests/test_api_outages.py",
        "activity/tests/test_api_titles.py",
        "activity/tests/test_bad_input.py",
        "activity/tests/test_lag.py",
        "activity/tests/test_undone.py",
        "activity/tests/test_unfollowed.py",
        "core/tests/test_errors.py",
        "core/tests/test_logs.py",
        "core/tests/test_observability.py",
        "core/tests/test_redis_keys.py",
        "core/tests/test_redis_scripts.py",
        "core/tests/test_throttling.py",
        "core/tests/test_throttling_processes.py",
        "core/tests/test_throttling_rejections.py",
        "feed/tests/test_cursor.py",
        "feed/tests/test_following.py",
        "feed/tests/test_plans.py",
        "feed/tests/test_source_failures.py",
        "feed/tests/test_sources.py",
        "feed/tests/test_traces.py",
        "finishd/operations/tests/test_alerts.py",
        "finishd/recovery/tests/test_detector.py",
        "finishd/tests/test_durability.py",
        "finishd/tests/test_redis_rollback.py",
        "finishd/tests/test_redis_rollback_events.py",
        "finishd/operations/tests/test_dashboard.py",
        "finishd/operations/tests/test_metrics.py",
        "finishd/operations/tests/test_service_levels.py",
        "finishd/run/tests/test_startup.py",
        "finishd/tests/test_events_gauntlet.py",
        "finishd/tests/test_events_journey.py",
        "finishd/tests/test_formats.py",
        "finishd/tests/test_friends_gauntlet.py",
        "finishd/tests/test_front.py",
        "finishd/tests/test_front_overload.py",
        "finishd/tests/test_nginx.py",
        "finishd/tests/test_friends_journey.py",
        "finishd/tests/test_full_redis.py",
        "finishd/tests/test_full_redis_relief.py",
        "finishd/tests/test_interrupted_pages.py",
        "finishd/tests/test_processes.py",
        "finishd/tests/test_rejected_writes.py",
        "finishd/tests/test_schedule.py",
        "finishd/tests/test_schemathesis.py",
        "finishd/tests/test_services.py",
        "finishd/tests/test_sweeping_workers.py",
        "finishd/tests/test_watching_processes.py",
    }
)


def uses_database(path: Path) -> bool:
    return re.search(r"django_db|transactional_db", path.read_text(encoding="utf-8")) is not None


def get_sql_tests() -> list[str]:
    result = subprocess.run(["make", "-s", "sql-tests"], cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_every_file_runs_on_both_databases_unless_its_result_is_the_same() -> None:
    sql_tests = get_sql_tests()
    files = {
        path.relative_to(ROOT)
        for app in APPS
        for path in (ROOT / app).rglob("test_*.py")
        if path != Path(__file__) and uses_database(path)
    }
    missing = {
        str(file)
        for file in files
        if not any(file.is_relative_to(listed) for listed in sql_tests) and str(file) not in SAME_ON_BOTH
    }
    assert missing == set()
    assert {str(file) for file in files} >= SAME_ON_BOTH, "a file was renamed or removed"


def test_every_listed_path_exists() -> None:
    assert [listed for listed in get_sql_tests() if not (ROOT / listed).exists()] == []
