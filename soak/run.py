"""A run: servers, load and faults, then quiet, then the reckoning."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from bench.errors import RunFailed
from bench.servers import Servers
from soak import faults, invariants, monitoring
from soak.actors import Cast
from soak.deployment import WEB_THREADS, SoakDeployment
from soak.faults import Planned
from soak.monitoring import Watch
from soak.record import Record
from soak.report import Outcome
from soak.scrolling import one_session

ITEMS: Final = 600
# Seconds before the end of the load from which on people are still: a second pass comes 25 s after a deed.
QUIET_FIRST: Final = 20.0
QUIET_WITHIN: Final = 150.0
DRAINED_WITHIN: Final = 30.0
# CELERY_BROKER_TRANSPORT_OPTIONS' visibility_timeout, and the sweep that brings back what was held for longer.
VISIBLE_AGAIN: Final = 660.0

Say = Callable[[str], None]


def soak(started: Servers, *, seed: int, seconds: float, say: Say) -> Outcome:
    """The whole of it. Raises RunFailed when servers do not start, or do not come back."""
    begun = time.monotonic()
    deployment = SoakDeployment(started, items=ITEMS)
    cast = Cast(deployment, Record(), seed)
    say(f"servers are up after {time.monotonic() - begun:.0f} s")
    greet(cast)
    cast.record.begin()
    planned = faults.schedule(seed, seconds)
    watch = Watch(deployment)
    try:
        load(cast, planned, seconds)
        say(f"{len(cast.record.answers)} answers, {len(cast.record.faults)} faults; waiting for quiet")
        quiet = settle(cast)
    finally:
        watch.close()
    reckon(cast, watch)
    return Outcome(seed, seconds, planned, cast.record, watch, quiet, time.monotonic() - begun)


def greet(cast: Cast) -> None:
    """Everybody looks at a feed: from here on they are known to be here, and pools have their connections."""
    with ThreadPoolExecutor(2 * WEB_THREADS) as pool:
        phones = [(cast.phone(f"greeting {uid}"), uid) for uid in cast.tokens]
        list(pool.map(lambda pair: pair[0].get("/feed", pair[1]), phones))
    for phone, _ in phones:
        phone.close()


def load(cast: Cast, planned: list[Planned], seconds: float) -> None:
    """Everybody does what they do, and faults come at their time. Raises what any of them raised."""
    record = cast.record
    with ThreadPoolExecutor(64) as pool:
        running = [pool.submit(actor) for actor in cast.actors()]
        running.append(pool.submit(faults.carry_out, planned, cast.deployment, record, cast.over))
        try:
            _until(running, seconds - QUIET_FIRST, record)
            cast.still.set()
            _until(running, seconds, record)
        finally:
            cast.still.set()
            cast.over.set()
    for future in running:
        future.result()


def _until(running: list["Future[None]"], seconds: float, record: Record) -> None:
    """Wait for this time of the run, or until somebody fails."""
    ended, _ = wait(running, timeout=max(seconds - record.now, 0), return_when="FIRST_EXCEPTION")
    for future in ended:
        future.result()


def settle(cast: Cast) -> float:
    """Seconds until nothing is left to do: for jobs, events, histories, cards; then beat stops, and queues run dry."""
    begun = time.monotonic()
    inside = cast.deployment.django
    left: dict[str, int] = {}
    while time.monotonic() < begun + QUIET_WITHIN:
        try:
            left = inside.call("soak.remote.left")
        except RunFailed:  # a part is not back yet, or its breaker does not know it
            left = {"unknown": 1}
        if not any(left.values()):
            break
        for task in ("activity.tasks.flush_histories", "content.tasks.sweep_cards"):
            inside.call("soak.remote.send", task=task)
        time.sleep(1.0)
    else:
        cast.record.violation(f"{QUIET_WITHIN:.0f} s after the load there is still to do: {left}")
    quiet = time.monotonic() - begun
    for name in cast.deployment.check():
        cast.record.violation(f"{name} ended by itself")
    cast.deployment.stop("beat")
    deadline = time.monotonic() + DRAINED_WITHIN
    while complaints := list(_messages(cast)):
        if time.monotonic() > deadline:
            cast.record.violation("; ".join(complaints))
            break
        time.sleep(0.2)
    return quiet


def _messages(cast: Cast) -> Iterator[str]:
    kept = cast.deployment.django.call("soak.remote.messages")
    disturbed = cast.record.disturbed_until()
    yield from invariants.messages(kept, disturbed=disturbed, now=time.time(), visible_again=VISIBLE_AGAIN)


def reckon(cast: Cast, watch: Watch) -> None:
    """Everything that must be true now."""
    deployment, record, call = cast.deployment, cast.record, cast.deployment.django.call
    phones = call("soak.remote.kept_of_phones")
    genres: dict[str, list[str]] = deployment.world["genres"]
    complaints = [
        *invariants.counts(cast.viewers, phones, genres),
        *invariants.tastes(cast.viewers, phones, lambda item: genres.get(item, ())),
        *invariants.timelines(cast.company.model, call("soak.remote.kept_of_people", uids=cast.company.uids)),
        *invariants.catalogue(cast.staff.hidden, genres, call("soak.remote.kept_of_catalogue")),
        *invariants.connections(monitoring.redis_clients(deployment), monitoring.sql_clients(deployment)),
        *invariants.memory(watch.growths()),
        *_followed(cast),
        *_unrecovered(record),
    ]
    for complaint in complaints:
        record.violation(complaint)


def _followed(cast: Cast) -> Iterator[str]:
    """The feed of those whom one follows, as a phone scrolls it: each title that has anything published."""
    hidden, titles = cast.staff.hidden, cast.deployment.world["titles"]
    shown = {title for item, title in titles.items() if item not in hidden}
    with cast.phone("last look") as phone:
        for uid in cast.company.uids:
            served = one_session(phone, uid, "following", limit=100, whole=True).served
            found = {titles[item] for item in served}
            expected = {title for _, title in cast.company.model.timeline(uid)} & shown
            if found != expected:
                yield f"{uid} is shown {sorted(found)} of whom they follow, instead of {sorted(expected)}"


def _unrecovered(record: Record) -> Iterator[str]:
    """Answers that failed although no fault was near."""
    stray = [answer for answer in record.answers if not answer.good and not record.in_fault(answer)]
    for answer in stray[:10]:
        yield f"{answer.endpoint} failed ({answer.status}) at {answer.began - record.began:.1f} s, without a fault"
