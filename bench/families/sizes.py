"""What things take in Redis, each against its bound."""

import json

from bench import naming
from bench.load import fetch
from bench.rows import Result, Row
from bench.stage import Stage

EVENTS = 2_000


def run(stage: Stage) -> Result:
    """A viewer with the most followees; a plan of 200 slots."""
    world = stage.world()
    viewer = naming.viewer(stage.scale.most, 0)
    session = world.sessions([viewer], limit=10)[0]
    world.call("eventful.reset")
    world.call("eventful.fill", events=EVENTS, items=world.items)
    waiting = world.call("eventful.waiting_bytes")
    world.call("eventful.reset")
    found = {
        "sizes.timeline": world.call("weighing.timeline"),
        "sizes.card": world.call("weighing.card", item=_carded(stage)),
        "sizes.plan": world.call("weighing.plan", viewer=viewer, session=session.session),
        "sizes.profile": world.call("weighing.profile", viewer=viewer),
        "sizes.event": waiting["bytes"] / waiting["events"],
    }
    rows = [Row(name, float(size), unit="bytes") for name, size in found.items()]
    return Result(rows=rows)


def _carded(stage: Stage) -> str:
    """Some item whose card is in Redis: the first of a page."""
    world = stage.world()
    page = json.loads(fetch(world.web(), world.first_pages(stage.viewers()[:1])[0]))
    return str(page["feed"][0]["id"])
