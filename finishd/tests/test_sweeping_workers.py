"""A sweep with a real worker that is far behind."""

import time
from pathlib import Path

import pytest

from activity import dispatch
from activity.services import relations
from activity.store import get_store
from activity.types import Job, Relation
from core.redis.client import state_redis
from core.tests.probe_tasks import hold
from finishd.celery import app
from finishd.run.programs import WORKERS
from finishd.testing.processes import Processes, processes

pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.slow]

BACKLOG = 80
LIKES = 20
SECOND_PASSES = 20


def test_a_worker_that_is_behind_runs_every_second_pass_and_gets_no_message_twice(tmp_path: Path) -> None:
    now = time.time()
    for number in range(BACKLOG):
        hold.apply_async(args=(str(tmp_path / f"held-{number}"), 0.3), queue=dispatch.DELIVERY)
    for number in range(LIKES):
        relations.set_relation("kofi", f"movie:{number}", Relation(favorite=True), source=None, now=now)
    # The first runs were done; the second ones are due.
    for number in range(SECOND_PASSES):
        get_store().put_job(Job("purge", "ama", f"author-{number}", 1, due=now - 60))
    with processes(tmp_path) as started:
        worker(started)
        most = 0

        def sweep() -> bool:
            nonlocal most
            app.send_task("activity.tasks.sweep_jobs")
            most = max(most, state_redis().llen(dispatch.REPEATS))
            time.sleep(0.5)
            return not has_jobs("purge")

        started.wait_for(sweep)
        assert state_redis().llen(dispatch.DELIVERY) > LIKES  # the worker is still behind
        assert has_jobs("deliver")
        assert most <= SECOND_PASSES
        started.wait_for(lambda: not has_jobs("deliver") if sweep() else False, seconds=120)
        deliveries = [
            line for line in started.output.splitlines() if "deliver[" in line and "received" in line
        ]
        assert len(deliveries) == LIKES


def worker(started: Processes) -> None:
    queues, _ = WORKERS["worker"]
    started.start(
        *("-m", "celery", "-A", "finishd", "worker", "--include", "core.tests.probe_tasks"),
        *("--queues", ",".join(queues), "--concurrency", "1", "--loglevel", "info"),
    )


def has_jobs(kind: str) -> bool:
    return any(job.kind == kind for job in get_store().get_due_jobs(now=time.time() + 10_000, limit=1_000))
