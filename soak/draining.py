"""Waiting for the end of all work after the load.

Both waits end when nothing is left. While work is being done they go on, so that a busy machine only takes longer; work
that stands still for a time is a violation.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

from bench.errors import RunFailed
from soak import invariants
from soak.actors import Actors

# Seconds without progress. A job whose message was lost is queued again after 35 s at most, and a recheck is due 30 s
# after its change.
STUCK_SECONDS: Final = 100.0
QUEUE_STUCK_SECONDS: Final = 30.0
MAX_SECONDS: Final = 900.0  # Of each wait, even with progress.
# The visibility_timeout of CELERY_BROKER_TRANSPORT_OPTIONS, and the interval at which Celery restores messages.
REDELIVERY_SECONDS: Final = 660.0

Clock = Callable[[], float]
Sleep = Callable[[float], None]


def wait_until_idle(actors: Actors) -> float:
    """Wait until no work is left, then stop beat and wait until the queues are empty. Return the seconds.

    Work and messages that are left are violations.
    """
    record, deployment = actors.record, actors.deployment
    start = time.monotonic()
    backlog = wait_while_shrinking(lambda: _get_backlog(actors), stuck=STUCK_SECONDS, pause=1.0)
    idle_after = time.monotonic() - start
    if any(backlog.values()):
        record.add_violation(f"timeout: {idle_after:.0f} s after the load there is a backlog: {backlog}")
    for name in deployment.find_ended():
        record.add_violation(f"{name} ended without being killed")
    deployment.stop("beat")
    wait_while_shrinking(lambda: _count_messages(actors), stuck=QUEUE_STUCK_SECONDS, pause=0.2)
    for violation in _find_messages(actors):
        record.add_violation(violation)
    return idle_after


def wait_while_shrinking(
    measure: Callable[[], dict[str, int]],
    *,
    stuck: float,
    pause: float,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
) -> dict[str, int]:
    """Wait until all numbers are 0, and return the last ones.

    Give up when their sum has had no new minimum for `stuck` seconds, or after MAX_SECONDS.
    """
    start = progress_at = clock()
    least = float("inf")
    while True:
        numbers = measure()
        now, total = clock(), sum(numbers.values())
        if total < least:
            least, progress_at = total, now
        if total == 0 or now - progress_at > stuck or now - start > MAX_SECONDS:
            return numbers
        sleep(pause)


def _get_backlog(actors: Actors) -> dict[str, int]:
    """Return the backlog, and send the tasks that would otherwise start later."""
    django = actors.deployment.django
    try:
        backlog: dict[str, int] = django.call("soak.remote.get_backlog")
    except RunFailed:  # A server is still starting, or a circuit breaker is still open.
        return {"unknown": 1_000_000}
    if any(backlog.values()):
        for task in ("activity.tasks.flush_histories", "content.tasks.sweep_cards"):
            django.call("soak.remote.send_task", task=task)
    return backlog


def _count_messages(actors: Actors) -> dict[str, int]:
    """Return the number of queued messages, and of those that no killed worker explains."""
    stored = actors.deployment.django.call("soak.remote.get_messages")
    return {**stored["queues"], "lost": len(list(_find_lost(actors, stored)))}


def _find_messages(actors: Actors) -> Iterator[str]:
    yield from _find_lost(actors, actors.deployment.django.call("soak.remote.get_messages"))


def _find_lost(actors: Actors, stored: invariants.Stored) -> Iterator[str]:
    yield from invariants.find_lost_messages(
        stored,
        last_recovery=actors.record.get_last_recovery(),
        now=time.time(),
        redelivery_seconds=REDELIVERY_SECONDS,
    )
