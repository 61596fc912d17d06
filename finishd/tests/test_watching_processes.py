"""Logs and metrics, with real web servers and workers."""

import json
import os
import re
import signal
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from activity.services import follows
from core.tests.probe_tasks import hold, ignore_soft_limit
from feed.tests import world
from finishd.operations.tests.exported import get_declared
from finishd.run.ports import free_port
from finishd.testing.processes import Processes, processes

pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.slow]

TOKEN = "a-token-for-prometheus"
Samples = dict[tuple[str, str], float]


def get_samples(address: str) -> list[Sample]:
    """Scrape metrics. Return no samples if there is no response."""
    request = Request(address, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urlopen(request, timeout=10) as response:
            text = response.read().decode()
    except URLError:
        return []
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def scrape(address: str) -> Samples:
    """Scrape metrics: (name, label values in order of their names) → value. Return {} if there is no response."""
    return {
        (sample.name, " ".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for sample in get_samples(address)
    }


def get_log_records(started: Processes) -> list[dict[str, object]]:
    """Return the log records so far. Every line is a JSON object."""
    complete_lines = started.output.rpartition("\n")[0]
    return [json.loads(line) for line in complete_lines.splitlines() if line.strip()]


def test_a_like_and_its_delivery_are_logged_with_one_request_id_and_counted_by_all_processes(
    tmp_path: Path,
) -> None:
    world.catalogue(30)
    world.build()
    follows.follow("ama", "kofi", now=time.time())
    environment = {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "METRICS_TOKEN": TOKEN,
        "DEBUG": "false",
    }
    with processes(tmp_path) as started:
        web = started.web(2, **environment)
        started.start(
            *("-m", "celery", "--quiet", "-A", "finishd", "worker"),
            *("--queues", "delivery", "--concurrency", "1", "--loglevel", "info"),
            **environment,
        )
        response = web.post(
            "/api/v1/user-titles/sync", "kofi", title_id="603", media_type="movie", is_favorite=True
        )
        assert response.status_code == 200, response.text
        request_id = response.headers["X-Request-ID"]
        for _ in range(20):
            web.feed("ama")
        started.wait_for(lambda: re.search(r"deliver\[[^]]*\] succeeded", started.output) is not None)
        records = [record for record in get_log_records(started) if record.get("request_id") == request_id]
        assert [record["route"] for record in records if record["logger"] == "core.access"] == [
            "/api/v1/user-titles/sync"
        ]
        assert {record["task"] for record in records if "task" in record} == {"activity.tasks.deliver"}
        access_records = [record for record in get_log_records(started) if record["logger"] == "core.access"]
        assert len({record["request_id"] for record in access_records}) == len(access_records)
        assert len({record["viewer"] for record in access_records if record["route"] == "/api/v1/feed"}) == 1
        assert not re.search(r"kofi|\bama\b|eyJ", started.output)
        # Each process reports the metrics of both processes and of the worker.
        for _ in range(4):
            samples = scrape(f"{web.address}/metrics")
            assert samples["finishd_http_requests_total", "GET /api/v1/feed 200"] == 20
            assert samples["finishd_http_request_duration_seconds_count", "GET /api/v1/feed"] == 20
            assert samples["finishd_tasks_total", "succeeded activity.tasks.deliver"] >= 1
            assert (
                sum(value for (name, _), value in samples.items() if name == "finishd_slots_served_total")
                == 200
            )
        # Alerts and the dashboard are compared with the declared metrics. A server exports them with these labels.
        declared = get_declared()
        exported = {
            s.name: set(s.labels) for s in get_samples(f"{web.address}/metrics") if s.name in declared
        }
        assert len(exported) > 15
        assert exported == {name: declared[name] for name in exported}


def test_a_worker_serves_the_metrics_of_its_processes(tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/metrics"
    with processes(tmp_path) as started:
        started.start(
            *("-m", "celery", "--quiet", "-A", "finishd", "worker", "--include", "core.tests.probe_tasks"),
            *("--queues", "default", "--concurrency", "1", "--loglevel", "info"),
            PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics"),
            METRICS_PORT=str(port),
        )
        started.wait_for(lambda: re.search(r"celery@\S+ ready", started.output) is not None)
        hold.apply_async((str(tmp_path / "short"), 0.0))
        hold.apply_async((str(tmp_path / "late"), 0.0), expires=0.001)
        hold.apply_async((str(tmp_path / "soft"), 30.0), soft_time_limit=1)
        ignore_soft_limit.apply_async((30.0,), soft_time_limit=1, time_limit=2)
        hold.apply_async((str(tmp_path / "lost"), 3.0))
        marker = tmp_path / "lost.begun"
        started.wait_for(marker.exists)
        os.kill(int(marker.read_text()), signal.SIGKILL)
        outcomes_by_task = {
            "hold": ("succeeded", "expired", "timed_out", "lost"),
            "ignore_soft_limit": ("killed",),
        }
        expected = [
            f"{outcome} probe.{task}" for task, outcomes in outcomes_by_task.items() for outcome in outcomes
        ]
        started.wait_for(
            lambda: all(("finishd_tasks_total", labels) in scrape(address) for labels in expected), seconds=30
        )
        assert abs(scrape(address)["finishd_clock_offset_seconds", "redis"]) < 1
