"""The size of values in Redis. Each has a limit."""

import json

from bench import names
from bench.context import BenchContext
from bench.load import fetch
from bench.results import Result, Row

EVENTS = 2_000


def run(context: BenchContext) -> Result:
    """Measure a viewer with the most followees and a plan of 200 slots."""
    deployment = context.get_deployment()
    viewer = names.viewer(context.scale.most_followees, 0)
    session = deployment.start_sessions([viewer], limit=10)[0]
    deployment.call("bench.remote.events.reset")
    deployment.call("bench.remote.events.append_events", events=EVENTS, items=deployment.items)
    backlog = deployment.call("bench.remote.events.measure_backlog")
    deployment.call("bench.remote.events.reset")
    bytes_by_row = {
        "sizes.timeline": deployment.call("bench.remote.sizes.measure_timeline"),
        "sizes.card": deployment.call("bench.remote.sizes.measure_card", item=_get_cached_item(context)),
        "sizes.plan": deployment.call(
            "bench.remote.sizes.measure_plan", viewer=viewer, session=session.session
        ),
        "sizes.profile": deployment.call("bench.remote.sizes.measure_profile", viewer=viewer),
        "sizes.event": backlog["bytes"] / backlog["events"],
    }
    return Result(rows=[Row(name, float(size), unit="bytes") for name, size in bytes_by_row.items()])


def _get_cached_item(context: BenchContext) -> str:
    """Return an item whose card is in Redis: the first item of a page."""
    deployment = context.get_deployment()
    (request,) = deployment.first_page_requests(context.get_viewers()[:1])
    page = json.loads(fetch(deployment.get_web(), request))
    return str(page["feed"][0]["id"])
