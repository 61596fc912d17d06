"""The sweep with a real queue: a job whose message waits is not queued again, and one without a message is."""

import time
from collections.abc import Iterator

import pytest
from celery import current_app

from activity import dispatch
from activity.services import backfill, delivery, follows, reach, rebuilds, relations, sweep
from activity.store import get_store
from activity.types import Job, Relation
from core.redis.client import state_redis

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("people"),
]

LATER = (25.0, 31.0, 70.0, 700.0)  # seconds after the likes


@pytest.fixture
def people() -> Iterator[None]:
    """Tasks are registered, as in a worker."""
    current_app.loader.import_default_modules()
    yield
    state_redis().delete(dispatch.DELIVERY, dispatch.REPEATS)


def like(number: int, *, now: float) -> None:
    relations.set_relation("kofi", f"movie:{number}", Relation(favorite=True), source=None, now=now)


def count_messages() -> tuple[int, int]:
    """Return the number of messages in the queues `delivery` and `repeats`."""
    return state_redis().llen(dispatch.DELIVERY), state_redis().llen(dispatch.REPEATS)


def test_no_job_is_due_sooner_after_its_message_than_the_sweep_assumes() -> None:
    delays = (
        relations.JOB_DUE_SECONDS,
        follows.JOB_DUE_SECONDS,
        backfill.SECOND_PURGE_DELAY_SECONDS,
        rebuilds.JOB_DUE_SECONDS,
        delivery.JOB_DUE_SECONDS,
        reach.JOB_DUE_SECONDS,
        sweep.SWEEP_DUE_SECONDS,
    )
    assert min(delays) >= sweep.MESSAGE_SECONDS > sweep.MARGIN_SECONDS


def test_a_job_whose_first_message_waits_is_not_queued_again() -> None:
    now = time.time()
    for number in range(20):
        like(number, now=now)
    assert [sweep.sweep_jobs(now=now + later) for later in LATER] == [0, 0, 0, 0]
    assert count_messages() == (20, 0)


def test_a_job_that_the_sweep_queued_is_not_queued_again_while_it_waits() -> None:
    now = time.time()
    for number in range(20):
        like(number, now=now)
    state_redis().delete(dispatch.DELIVERY)  # the broker lost its messages
    assert [sweep.sweep_jobs(now=now + later) for later in LATER] == [20, 0, 0, 0]
    assert count_messages() == (0, 20)


def test_a_lost_message_is_sent_again_when_the_queue_has_passed_it() -> None:
    now = time.time()
    like(1, now=now - 60)
    state_redis().delete(dispatch.DELIVERY)
    like(2, now=now)
    assert sweep.sweep_jobs(now=now + 100) == 1
    assert count_messages() == (1, 1)


def test_a_second_pass_does_not_wait_until_the_queue_is_empty() -> None:
    now = time.time()
    like(1, now=now)
    get_store().put_job(Job("recheck", "mei", "movie:1", 2, due=now + 1))
    get_store().put_job(Job("recheck", "ama", "movie:1", 2, due=now + 15))
    assert sweep.sweep_jobs(now=now + 100) == 1
    assert [job.subject for job in get_store().get_due_jobs(now=now + 100)] == ["kofi", "ama"]


@pytest.mark.parametrize(
    "raw", [b"", b"no JSON", b"[]", b"{}", b'{"headers":{}}', b'{"headers":{"sent_at":"x"}}']
)
def test_a_message_without_a_time_delays_no_job(raw: bytes) -> None:
    now = time.time()
    state_redis().rpush(dispatch.DELIVERY, raw)
    like(1, now=now)
    assert sweep.sweep_jobs(now=now + 25) == 1
