"""A first page with a new plan, over one connection: the delay that a viewer has when opening the app."""

from dataclasses import replace

from bench.context import BenchContext
from bench.deployment import Deployment
from bench.families.pages import make_load
from bench.families.rows import make_p50_row
from bench.load import Figures, Load, run_alternately
from bench.results import Result, Row


def run(context: BenchContext) -> Result:
    """Compare the first page with the next page, by followees and by items.

    There is only one connection: with more, the latency would include the time in a queue.
    """
    result, main = Result(), context.get_deployment()
    sessions = main.start_sessions(context.get_viewers(), limit=10)
    requests = main.next_page_requests(sessions, limit=10)
    next_pages = make_load(main, requests, context.scale, connections=1)
    found = _run_loads(
        context, {"first": (main, _make_first_load(context, main)), "next": (main, next_pages)}
    )
    result.rows.append(make_p50_row("first_pages.p50", found["first"], found["next"]))
    _measure_followees(context, main, result)
    _measure_items(context, result)
    return result


def _measure_followees(context: BenchContext, main: Deployment, result: Result) -> None:
    followees = context.scale.followees
    loads = {str(number): (main, _make_first_load(context, main, number)) for number in followees}
    found = _run_loads(context, loads)
    for number in followees:
        result.add_point("first page, p50 ms, by followees", number, found[str(number)].p50)
    most, default = found[str(context.scale.most_followees)], found[str(context.scale.default_followees)]
    result.rows.append(_make_difference_row("first_pages.followees", most, default))


def _measure_items(context: BenchContext, result: Result) -> None:
    scale = context.scale
    sizes = sorted({*scale.sizes, scale.items, scale.many_items})
    deployments = {size: context.get_deployment(size) for size in sizes}
    loads = {str(size): (each, _make_first_load(context, each)) for size, each in deployments.items()}
    found = _run_loads(context, loads)
    for size in sizes:
        result.add_point("first page, p50 ms, by items", size, found[str(size)].p50)
    many, default = found[str(scale.many_items)], found[str(scale.items)]
    result.rows.append(_make_difference_row("first_pages.items", many, default))


def _make_first_load(context: BenchContext, deployment: Deployment, followees: int | None = None) -> Load:
    requests = deployment.first_page_requests(context.get_viewers(followees))
    return make_load(deployment, requests, context.scale, connections=1)


def _run_loads(context: BenchContext, loads: dict[str, tuple[Deployment, Load]]) -> dict[str, Figures]:
    """Run the loads in turn. Before each load all served lists are cleared.

    With long served lists the sources would fetch more candidates than at the start of the run.
    """
    deployments = {id(deployment): deployment for deployment, _ in loads.values()}
    viewers = [viewer for number in context.scale.followees for viewer in context.get_viewers(number)]

    def clear_served_lists() -> None:
        for deployment in deployments.values():
            deployment.reset_served(viewers)

    return run_alternately(
        {name: load for name, (_, load) in loads.items()},
        rounds=context.scale.rounds,
        before=clear_served_lists,
    )


def _make_difference_row(name: str, one: Figures, other: Figures) -> Row:
    """Compare medians. The ratio is at least 1, whichever of the two is slower."""
    row = make_p50_row(name, one, other)
    return replace(row, value=max(row.value, 1 / row.value))
