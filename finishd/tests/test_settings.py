"""A wrong setting ends every kind of process at its start, with one sentence."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from activity.store import STORES
from finishd.run import programs
from finishd.run.ports import free_port
from finishd.testing.commands import production, run_python

ROOT = Path(settings.BASE_DIR)

# Variable, value, and a part of the sentence.
WRONG = [
    ("REDIS_URL", "localhost:6379", "must begin with redis:// or rediss://"),
    ("CACHE_URL", "redis://:hunter2@host:70000/1", "CACHE_URL is redis://…@host:70000/1"),
    ("CELERY_BROKER_URL", "redis://host/broker", "must end with the number of a database"),
    ("DATABASE_URL", "mysql://finishd:hunter2@db/finishd", "must begin with postgres://"),
    ("REDIS_TIMEOUT", "nan", "must be a number of seconds"),
    ("REDIS_POOL", "0", "must be a whole number from 1"),
    ("DATABASE_POOL", "0", "must be a whole number from 1"),
    ("REQUEST_DEADLINE", "0", "must be a number of seconds"),
    ("PAGE_DEADLINE", "inf", "must be a number of seconds"),
    ("PAGE_BUDGET", "1", "PAGE_BUDGET is 1; it must be below PAGE_DEADLINE, which is 1."),
    ("STAFF_DEADLINE", "-5", "must be a number of seconds"),
    ("FIRESTORE_TIMEOUT", "-1", "must be a number of seconds"),
    ("FIRESTORE_DEADLINE", "1", "must be below FIRESTORE_DEADLINE"),
    ("HISTORY_FLUSH_SECONDS", "0", "must be a whole number from 1"),
    ("INDEX_STALE_SECONDS", "two hours", "must be a whole number from 1"),
    ("FANOUT_PUSH_LIMIT", "-1", "must be a whole number from 1"),
    ("FEED_TRACE_PERCENT", "101", "must be a whole number from 0 to 100"),
    ("ANALYTICS_SHARDS", "65", "must be a whole number from 1 to 64"),
    ("ANALYTICS_STREAM_EVENTS", "10", "must be a whole number from 1000"),
    ("ANALYTICS_MARKS_MB", "0", "must be a whole number from 1"),
    ("ACTIVITY_STORE", "mongo", "must be orm or firestore"),
    ("LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ("LOG_FORMAT", "yaml", "must be json or text"),
    ("METRICS_TOKEN", "x", "it must have 16 or more visible ASCII characters"),
    ("MIN_FREE_DISK_MB", "-1", "must be a whole number from 0"),
    ("REDIS_REQUIRE_AOF", "maybe", "must be true or false"),
    ("METRICS_PORT", "70000", "must be a whole number from 0 to 65535"),
    ("METRICS_HOST", "http://worker", "must be an IP address or a host name"),
    ("DEBUG", "ture", "must be true or false"),
    ("SECURE_HSTS_SECONDS", "-1", "must be a whole number from 0"),
    ("TRUSTED_PROXIES", "proxy", "TRUSTED_PROXIES names 'proxy'"),
    ("THROTTLE_FEED_USER", "120/fortnight", "THROTTLE_FEED_USER is '120/fortnight'"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG, ids=[name for name, *_ in WRONG])
def test_manage_py_refuses_a_wrong_setting_with_one_sentence(
    tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    done = run_python("manage.py", "check", environment=production(tmp_path, **{name: value}))
    (line,) = done.stderr.splitlines()
    assert name in line
    assert sentence in line
    assert "hunter2" not in line
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "celery", "--quiet", "-A", "finishd", "worker", "--queues", "events"],
        ["-m", "celery", "--quiet", "-A", "finishd", "beat", "--pidfile", ""],
        ["-c", "import finishd.wsgi"],
    ],
    ids=["worker", "beat", "web process"],
)
def test_other_processes_end_with_the_sentence(tmp_path: Path, command: list[str]) -> None:
    done = run_python(*command, environment=production(tmp_path, METRICS_TOKEN="x"))
    (line,) = done.stderr.splitlines()
    assert line.startswith("finishd: METRICS_TOKEN is too short")
    assert done.returncode == 1


@pytest.mark.parametrize("name", ["METRICS_TOKEN", "LOG_FORMAT", "WEB_THREADS"])
def test_the_web_server_ends_with_the_sentence(tmp_path: Path, name: str) -> None:
    command = programs.serve("127.0.0.1", free_port())
    done = run_python(*command, environment=production(tmp_path, **{name: "x"}))
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"finishd: {name}")
    assert (done.returncode, done.stdout) == (1, "")


def test_make_run_shows_the_sentence_of_its_preparation(tmp_path: Path) -> None:
    done = run_python("-m", "finishd.run.prepare", environment=production(tmp_path, REDIS_POOL="0"))
    (line,) = done.stdout.splitlines()  # the supervisor shows it
    assert line.startswith("REDIS_POOL is '0'")
    assert (done.returncode, done.stderr) == (1, "")


def test_settings_are_read_through_the_reader_alone() -> None:
    for path in (ROOT / "finishd" / "settings").glob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not names & {"os", "_env", "env"} or path.name == "environment.py", path


def test_the_stores_that_a_setting_may_name_exist(tmp_path: Path) -> None:
    for store in STORES:
        done = run_python("manage.py", "check", environment=production(tmp_path, ACTIVITY_STORE=store))
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("entry", [["manage.py", "check"], ["-c", "import finishd.wsgi"]])
def test_an_old_python_is_refused_with_one_sentence(tmp_path: Path, entry: list[str]) -> None:
    pretend = "import sys; sys.version_info = (3, 9, 2, 'final', 0); sys.path.insert(0, '.'); "
    start = entry[1] if entry[0] == "-c" else "import runpy; runpy.run_path('manage.py', run_name='__main__')"
    done = run_python("-c", pretend + start, environment=production(tmp_path))
    assert done.stderr == "finishd: Finishd needs Python 3.11 or newer, but this is 3.9.2.\n"
    assert done.returncode == 1


@pytest.mark.parametrize("name", ["manage.py", "finishd/__init__.py", "finishd/python_version.py"])
def test_an_old_python_can_load_the_files_that_check_it(name: str) -> None:
    assert ast.parse((ROOT / name).read_text(), feature_version=(3, 7)).body
