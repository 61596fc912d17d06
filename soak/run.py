"""A run: start the servers, apply load and faults, wait until no work is left, and check the invariants."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from bench.servers import Servers
from bench.web import WEB_THREADS
from soak import checks, faults, invariants, losses, monitoring
from soak.actors import Actors
from soak.checks.results import Result
from soak.checks.visibility import VISIBLE_WITHIN, get_bound
from soak.deployment import SoakDeployment
from soak.draining import wait_until_idle
from soak.faults import PlannedFault
from soak.history import Count, Operation, group_items, write
from soak.minimising import format_table, minimise
from soak.monitoring import ResourceMonitor
from soak.record import RunRecord
from soak.report import Outcome
from soak.scrolling import scroll_session
from soak.starvation import StarvationMonitor

ITEMS: Final = 600
# Seconds before the end of the load at which social actors stop. A recheck comes 30 s after a change.
SOCIAL_STOP_SECONDS: Final = 20.0
READING_THREADS: Final = 4
EXPLAINED: Final = 2  # Violations of one promise whose history is minimised.
MAX_VISIBLE_SECONDS: Final = (
    120.0  # On a machine that is busier, the promise cannot be checked, which is a violation.
)

Log = Callable[[str], None]


def run_soak(
    servers: Servers, *, seed: int, seconds: float, history_file: Path, bug: str, log: Log
) -> Outcome:
    """Do a complete run and write its history.

    Raise `RunFailed` if servers do not start or a request is never accepted.
    """
    start = time.monotonic()
    deployment = SoakDeployment(servers, items=ITEMS, bug=bug)
    actors = Actors(deployment, RunRecord(), seed)
    record = actors.record
    record.history.seed, record.history.items = seed, group_items(deployment.catalogue["titles"])
    log(f"servers started after {time.monotonic() - start:.0f} s")
    open_feeds(actors)
    record.restart()
    schedule = faults.make_schedule(seed, seconds)
    monitor = ResourceMonitor(deployment)
    starvation = StarvationMonitor(deployment.get_roles, record.history.stalls)
    try:
        apply_load(actors, schedule, seconds)
        log(f"{len(record.requests)} requests, {len(record.faults)} faults; reading all feeds")
        _read_feeds(actors)
        log("waiting until no work is left")
        idle_after = wait_until_idle(actors)
        for violation in _find_violations(actors, monitor):
            record.add_violation(violation)
    finally:
        monitor.close()
        starvation.close()
        write(record.history, history_file)
    log(f"checking {len(record.history.operations)} operations")
    results = checks.check(record.history)
    return Outcome(
        seed,
        seconds,
        schedule,
        record,
        monitor,
        idle_after,
        time.monotonic() - start,
        results,
        _explain(record, results),
    )


def open_feeds(actors: Actors) -> None:
    """Request a feed for each person. Afterwards all of them are active and all pools have their connections."""
    with ThreadPoolExecutor(2 * WEB_THREADS) as pool:
        phones = [(actors.create_phone(f"warm-up {uid}"), uid) for uid in actors.tokens]
        list(pool.map(lambda pair: pair[0].get("/feed", pair[1]), phones))
    for phone, _ in phones:
        phone.close()


def apply_load(actors: Actors, schedule: list[PlannedFault], seconds: float) -> None:
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


def _find_violations(actors: Actors, monitor: ResourceMonitor) -> list[str]:
    """Check all invariants that hold when no work is left."""
    deployment = actors.deployment
    return [
        *find_wrong_results(actors),
        *invariants.find_connection_leaks(
            monitoring.count_redis_connections(deployment), monitoring.get_sql_connection_states(deployment)
        ),
        *invariants.find_memory_leaks(monitor.get_growths()),
    ]


def find_wrong_results(actors: Actors) -> list[str]:
    """Compare what is stored with what was accepted from the actors."""
    deployment, social = actors.deployment, actors.social
    call = deployment.django.call
    event_results = call("soak.remote.get_event_results")
    _add_stored_counts(actors, event_results)
    people_results = call("soak.remote.get_people_results", uids=social.uids)
    catalogue_results = call("soak.remote.get_catalogue_results")
    affected = losses.find_affected_viewers(actors.record.history)
    unaffected = [viewer for viewer in actors.viewers if viewer.uid not in affected]
    genres: dict[str, list[str]] = deployment.catalogue["genres"]
    return [
        *invariants.find_event_errors(actors.viewers, event_results, genres, affected),
        *invariants.find_history_errors(unaffected, event_results, lambda item: genres.get(item, ())),
        *invariants.find_timeline_errors(social.model, people_results),
        *invariants.find_catalogue_errors(actors.staff.unpublished, genres, catalogue_results),
    ]


def _read_feeds(actors: Actors) -> None:
    """Let every person read the whole `following` feed, as soon as it must show everything that was liked."""
    history, last_change = actors.record.history, actors.record.get_last_change()
    while time.monotonic() - last_change < min(
        get_bound(history, time.monotonic(), VISIBLE_WITHIN), MAX_VISIBLE_SECONDS
    ):
        time.sleep(0.2)
    with ThreadPoolExecutor(READING_THREADS) as pool:
        list(pool.map(lambda uid: _read_feed(actors, uid), actors.social.uids))


def _read_feed(actors: Actors, uid: str) -> None:
    with actors.create_phone(f"final read {uid}") as phone:
        scroll_session(phone, uid, "following", limit=100, to_the_end=True)


def _add_stored_counts(actors: Actors, stored: invariants.Stored) -> None:
    """Add the stored counts to the history, as the last read."""
    now = time.monotonic()
    counts = tuple(Count(*row) for row in stored["counts"])
    actors.record.add([Operation("final check", "count", "", now, now, counts=counts)])


def _explain(record: RunRecord, results: list[Result]) -> list[str]:
    """Return a table of operations for the first violations of each promise."""
    return [
        line
        for result in results
        for violation in result.violations[:EXPLAINED]
        for line in format_table(record.history, violation, minimise(record.history, violation))
    ]
