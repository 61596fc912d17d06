"""The offsets of clocks, as workers export them. finishd/health/tests/ has the tests of readiness."""

import logging
import time
from types import SimpleNamespace

import pytest
from django.db import connection

from core.observability import clocks
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)


def collect() -> dict[str, float]:
    """Return the samples of a scrape, by server."""
    families = list(clocks.ClockCollector().collect())
    return {sample.labels["server"]: sample.value for family in families for sample in family.samples}


def get_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.name == clocks.__name__]
    return [record.getMessage() for record in records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(("skew", "words"), [(600, "ahead of redis"), (-12, "behind redis")])
def test_a_worker_whose_clock_is_wrong_exports_and_logs_it(
    skew: int, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clocks, "time", SimpleNamespace(time=lambda: time.time() + skew))
    assert collect()["redis"] == pytest.approx(-skew, abs=1)
    (message,) = get_warnings(caplog)
    assert message.startswith("clock skew: This process's clock is "), message
    assert words in message
    verdict = "The clock of process" if connection.vendor == "postgresql" else "One of them"
    assert message.endswith(f"{verdict} is wrong.")


def test_clocks_that_agree_are_exported_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert abs(collect()["redis"]) < 1
    assert get_warnings(caplog) == []


def test_without_redis_a_scrape_has_no_offsets_and_does_not_fail(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.stop()
    assert collect() == {}
    assert "metrics: the clocks were not compared" in caplog.text
