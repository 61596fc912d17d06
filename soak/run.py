"""A run: start the servers, apply load and faults, wait until no work is left, and check the invariants."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from bench.errors import RunFailed
from bench.servers import Servers
from soak import faults, invariants, monitoring
from soak.actors import Actors
from soak.deployment import WEB_THREADS, SoakDeployment
from soak.faults import PlannedFault
from soak.monitoring import ResourceMonitor
from soak.record import RunRecord
from soak.report import Outcome
from soak.scrolling import scroll_session

ITEMS: Final = 600
# Seconds before the end of the load at which social actors stop. A recheck comes 25 s after a change.
SOCIAL_STOP_SECONDS: Final = 20.0
IDLE_TIMEOUT: Final = 150.0
QUEUE_TIMEOUT: Final = 30.0
# The visibility_timeout of CELERY_BROKER_TRANSPORT_OPTIONS, and the interval at which Celery restores messages.
REDELIVERY_SECONDS: Final = 660.0

Log = Callable[[str], None]


def run_soak(servers: Servers, *, seed: int, seconds: float, log: Log) -> Outcome:
    """Do a complete run. Raise `RunFailed` if servers do not start or a request is never accepted."""
    start = time.monotonic()
    deployment = SoakDeployment(servers, items=ITEMS)
    actors = Actors(deployment, RunRecord(), seed)
    record = actors.record
    log(f"servers started after {time.monotonic() - start:.0f} s")
    _open_feeds(actors)
    record.restart()
    schedule = faults.make_schedule(seed, seconds)
    monitor = ResourceMonitor(deployment)
    try:
        _apply_load(actors, schedule, seconds)
        log(f"{len(record.responses)} responses, {len(record.faults)} faults; waiting until no work is left")
        idle_after = _wait_until_idle(actors)
    finally:
        monitor.close()
    for violation in _find_violations(actors, monitor):
        record.add_violation(violation)
    return Outcome(seed, seconds, schedule, record, monitor, idle_after, time.monotonic() - start)


def _open_feeds(actors: Actors) -> None:
    """Request a feed for each person. Afterwards all of them are active and all pools have their connections."""
    with ThreadPoolExecutor(2 * WEB_THREADS) as pool:
        phones = [(actors.create_phone(f"warm-up {uid}"), uid) for uid in actors.tokens]
        list(pool.map(lambda pair: pair[0].get("/feed", pair[1]), phones))
    for phone, _ in phones:
        phone.close()


def _apply_load(actors: Actors, schedule: list[PlannedFault], seconds: float) -> None:
    """Run all actors and inject the faults. Raise the exception of any thread."""
    record = actors.record
    with ThreadPoolExecutor(64) as pool:
        threads = [pool.submit(function) for function in actors.get_threads()]
        threads.append(pool.submit(faults.inject, schedule, actors.deployment, record, actors.stopped))
        try:
            _wait_for_time(threads, seconds - SOCIAL_STOP_SECONDS, record)
            actors.social_stopped.set()
            _wait_for_time(threads, seconds, record)
        finally:
            actors.social_stopped.set()
            actors.stopped.set()
    for thread in threads:
        thread.result()


def _wait_for_time(threads: list["Future[None]"], seconds: float, record: RunRecord) -> None:
    """Wait until this time of the run. If a thread fails earlier, raise its exception."""
    ended, _ = wait(threads, timeout=max(seconds - record.elapsed, 0), return_when="FIRST_EXCEPTION")
    for thread in ended:
        thread.result()


def _wait_until_idle(actors: Actors) -> float:
    """Wait until no work is left, then stop beat and wait until the queues are empty. Return the seconds.

    Work that is left after IDLE_TIMEOUT, and messages that are left after QUEUE_TIMEOUT, are violations.
    """
    start = time.monotonic()
    django, record = actors.deployment.django, actors.record
    backlog: dict[str, int] = {}
    while time.monotonic() < start + IDLE_TIMEOUT:
        try:
            backlog = django.call("soak.remote.get_backlog")
        except RunFailed:  # A server is still starting, or a circuit breaker is still open.
            backlog = {"unknown": 1}
        if not any(backlog.values()):
            break
        for task in ("activity.tasks.flush_histories", "content.tasks.sweep_cards"):
            django.call("soak.remote.send_task", task=task)
        time.sleep(1.0)
    else:
        record.add_violation(f"timeout: {IDLE_TIMEOUT:.0f} s after the load there is a backlog: {backlog}")
    idle_after = time.monotonic() - start
    for name in actors.deployment.find_ended():
        record.add_violation(f"{name} ended without being killed")
    actors.deployment.stop("beat")
    deadline = time.monotonic() + QUEUE_TIMEOUT
    while violations := list(_find_messages(actors)):
        if time.monotonic() > deadline:
            record.add_violation("; ".join(violations))
            break
        time.sleep(0.2)
    return idle_after


def _find_messages(actors: Actors) -> Iterator[str]:
    stored = actors.deployment.django.call("soak.remote.get_messages")
    yield from invariants.find_lost_messages(
        stored,
        last_recovery=actors.record.get_last_recovery(),
        now=time.time(),
        redelivery_seconds=REDELIVERY_SECONDS,
    )


def _find_violations(actors: Actors, monitor: ResourceMonitor) -> list[str]:
    """Check all invariants that hold when no work is left."""
    deployment, social = actors.deployment, actors.social
    call = deployment.django.call
    event_results = call("soak.remote.get_event_results")
    people_results = call("soak.remote.get_people_results", uids=social.uids)
    catalogue_results = call("soak.remote.get_catalogue_results")
    genres: dict[str, list[str]] = deployment.catalogue["genres"]
    return [
        *invariants.find_count_errors(actors.viewers, event_results, genres),
        *invariants.find_history_errors(actors.viewers, event_results, lambda item: genres.get(item, ())),
        *invariants.find_timeline_errors(social.model, people_results),
        *invariants.find_catalogue_errors(actors.staff.unpublished, genres, catalogue_results),
        *invariants.find_connection_leaks(
            monitoring.count_redis_connections(deployment), monitoring.get_sql_connection_states(deployment)
        ),
        *invariants.find_memory_leaks(monitor.get_growths()),
        *_find_feed_errors(actors),
        *_find_unexplained_failures(actors.record),
    ]


def _find_feed_errors(actors: Actors) -> Iterator[str]:
    """Compare each person's `following` feed with the titles of their followees that have a published item."""
    unpublished, title_by_item = actors.staff.unpublished, actors.deployment.catalogue["titles"]
    published_titles = {title for item, title in title_by_item.items() if item not in unpublished}
    with actors.create_phone("final check") as phone:
        for uid in actors.social.uids:
            session = scroll_session(phone, uid, "following", limit=100, to_the_end=True)
            found = {title_by_item[item] for item in session.served}
            timeline = actors.social.model.timeline(uid)
            expected = {title for _, title in timeline} & published_titles
            if found != expected:
                yield f"feed `following` of {uid} has {sorted(found)} instead of {sorted(expected)}"


def _find_unexplained_failures(record: RunRecord) -> Iterator[str]:
    """Find failed responses that no fault explains."""
    failures = [each for each in record.responses if not each.is_successful and not record.is_affected(each)]
    for failure in failures[:10]:
        at = failure.start - record.start
        yield f"{failure.endpoint} failed ({failure.status}) at {at:.1f} s without a fault"
