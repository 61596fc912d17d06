"""Events: taken by the endpoint, counted by a drain, seen by whoever pages meanwhile."""

import json
import threading
import time
from datetime import UTC, datetime
from typing import Final

from bench import naming
from bench.families.pages import beside, load_of, slower
from bench.load import Figures, Load, Request, fetch, pairs
from bench.load import run as put_load_on
from bench.rows import Failed, Result, Row, high, middle
from bench.servers import Web, start_celery
from bench.stage import Stage, World

BATCHES: Final = (1, 50, 200)  # events of a request
BODIES: Final = 20  # different ones
VISIBLE_WITHIN: Final = 30.0


def run(stage: Stage) -> Result:
    """Taking, draining on both databases, from sent to counted, and what a burst does to pages."""
    result, main = Result(), stage.world()
    _accepted(stage, main, result)
    _drained(stage, result)
    _visible_and_burst(stage, main, result)
    return result


def _accepted(stage: Stage, world: World, result: Result) -> None:
    """Per web worker: one process. Streams are emptied before each load."""
    web = world.another_web(processes=1)
    try:
        for size in BATCHES:
            bodies = _bodies(stage, world, size)
            token = bodies[0].token
            floor = [Request(f"/api/v1/floor/events?events={size}", token, bodies[0].body)]
            sides = {
                "events": Load(web, bodies, stage.scale.seconds, 8, world.watched),
                "floor": Load(web, floor, stage.scale.seconds, 8, world.watched),
            }
            found = pairs(sides, rounds=stage.scale.rounds, before=lambda: world.call("eventful.reset"))
            taken, bare = (_times(found[name], size) for name in ("events", "floor"))
            name = "events.accepted" if size == 50 else f"events.accepted_by_{size}"
            result.rows.append(beside(name, taken, bare, of="events/s"))
    finally:
        world.servers.stop(web.process)
        world.call("eventful.reset")


def _times(figures: Figures, size: int) -> Figures:
    return Figures(figures.throughput * size, figures.p50, figures.p99, figures.limits)


def _bodies(stage: Stage, world: World, size: int) -> list[Request]:
    viewers = [naming.viewer(stage.scale.few, n % stage.scale.viewers) for n in range(BODIES)]
    said = datetime.now(UTC).isoformat()
    return [
        Request("/api/v1/analytics/event", token, _body(world, place * size, size, said))
        for place, token in enumerate(world.tokens(viewers))
    ]


def _body(world: World, first: int, size: int, said: str) -> str:
    events = [
        {
            "eventId": f"bench-{number}",
            "eventType": "view",
            "itemId": naming.item_id(1 + number * 7_919 % world.items),
            "timestamp": said,
            "durationWatched": 12,
            "metadata": {"screen": "feed"},
        }
        for number in range(first, first + size)
    ]
    return json.dumps({"events": events}, separators=(",", ":"))


def _drained(stage: Stage, result: Result) -> None:
    """By one process that calls what the task calls, on both databases."""
    postgresql = stage.empty("events")
    result.rows += _drain_rows(stage, postgresql, "events.drained")
    result.rows += _drain_rows(stage, postgresql, "events.drained_skewed", skewed=True)[:1]
    sqlite = stage.empty("events_sqlite", sqlite=True)
    result.rows += [row for row in _drain_rows(stage, sqlite, "events.drained_sqlite") if not row.unit]
    sqlite.inside.close()
    sqlite.redis.stop()
    _waiting(stage, postgresql, result)
    postgresql.inside.close()
    postgresql.redis.stop()


def _drain_rows(stage: Stage, world: World, name: str, *, skewed: bool = False) -> list[Row]:
    events, items = stage.scale.drained, stage.scale.items
    if not skewed:
        world.call("data.items", count=items)
    drained, floors = [], []
    found: dict[str, float] = {}
    for _ in range(stage.scale.rounds):
        world.call("eventful.reset")
        world.call("eventful.fill", events=events, items=items, skewed=skewed)
        floors.append(world.call("eventful.drain_raw"))
        found = world.call("eventful.drain_all")
        if found["events"] != events:
            raise Failed(f"of {events} events {found['events']:.0f} were counted")
        drained.append(found["seconds"])
    seconds, floor = middle(drained), middle(floors)
    per = 10_000 / events
    return [
        Row(
            name,
            floor / seconds,
            figure=events / seconds,
            floor=events / floor,
            of="events/s",
            limits="one process: marks and sums in Python, scripts in Redis",
        ),
        Row("events.sql", found["sql"] * per, unit="statements per 10,000"),
        Row("events.redis_commands", found["commands"] * per, unit="commands per 10,000"),
    ]


def _waiting(stage: Stage, world: World, result: Result) -> None:
    """As events pile up: what a batch more costs, and what they take."""
    world.call("eventful.reset")
    there, megabytes = 0, 0.0
    for target in stage.scale.waiting:
        world.call("eventful.fill", events=target - there, items=stage.scale.items, first=there)
        seconds = world.call(
            "eventful.fill", events=2_000, items=stage.scale.items, first=10_000_000 + target
        )
        there = target
        found = world.call("eventful.waiting_bytes")
        megabytes = found["bytes"] / 1e6
        result.point("append of 2,000 events, ms, by events waiting", target, 1_000 * seconds)
        result.point("MB in Redis, by events waiting", target, megabytes)
    per = megabytes * 1e6 / max(found["events"], 1)
    result.rows.append(Row("events.waiting", per, unit="MB per million"))


def _visible_and_burst(stage: Stage, world: World, result: Result) -> None:
    """With a worker and beat, as in production."""
    world.call("eventful.reset")
    worker = start_celery(world.servers, world.settings, "analytics")
    beat = start_celery(world.servers, world.settings, beat=True)
    try:
        tries = [_seconds_until_counted(stage, world, n) for n in range(stage.scale.tries + 1)][1:]
        result.rows.append(
            Row(
                "events.visible",
                middle(tries),
                unit="s",
                p50=1_000 * middle(tries),
                p99=1_000 * high(tries),
                limits="beat's two seconds between drains",
            )
        )
        _burst(stage, world, result, worker.pid)
    finally:
        for process in (beat, worker):
            world.servers.stop(process)
        world.call("eventful.reset")


def _seconds_until_counted(stage: Stage, world: World, number: int) -> float:
    """From the POST to the count, as `counts` tells it."""
    item = naming.item_id(number + 1)
    token = world.token(naming.viewer(stage.scale.few, 0))
    event = {"eventType": "like", "itemId": item, "timestamp": datetime.now(UTC).isoformat()}
    before = world.call("eventful.counted", item=item)
    begun = time.monotonic()
    fetch(world.web(), Request("/api/v1/analytics/event", token, json.dumps({"events": [event]})))
    while world.call("eventful.counted", item=item) == before:
        if time.monotonic() - begun > VISIBLE_WITHIN:
            raise Failed(f"an event was not counted within {VISIBLE_WITHIN:.0f} s")
        time.sleep(0.01)
    return time.monotonic() - begun


def _burst(stage: Stage, world: World, result: Result, worker: int) -> None:
    """Pages over two connections, at rest and beside a second server that takes events while a worker drains."""
    sessions = world.sessions(stage.viewers(), limit=10)
    pages = load_of(world, world.next_pages(sessions, limit=10), stage.scale, connections=2)
    other = world.another_web(processes=1)
    try:
        rest = put_load_on(pages)
        burst = _while_events_come(stage, world, other, pages)
    finally:
        world.servers.stop(other.process)
    result.rows.append(slower("events.pages_in_a_burst", burst, rest))


def _while_events_come(stage: Stage, world: World, other: Web, pages: Load) -> Figures:
    bodies = _bodies(stage, world, 50)
    failures: list[BaseException] = []

    def send() -> None:
        try:
            put_load_on(Load(other, bodies, stage.scale.seconds + 1, 2))
        except BaseException as failure:
            failures.append(failure)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        time.sleep(0.5)
        found = put_load_on(pages)
    finally:
        sender.join(60)
    if failures:
        raise failures[0]
    return found
