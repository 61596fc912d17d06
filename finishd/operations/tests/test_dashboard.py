"""Test that the Grafana dashboard is well-formed and shows only metrics that exist."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from activity.services import metering
from core import telemetry
from core.circuit import STATES
from feed import indexes
from feed.services.sessions import Outcome
from finishd.celery import app
from finishd.operations.collectors import COLLECTORS
from finishd.operations.tests.exported import RULES, get_alerts, get_metrics, get_rules
from finishd.operations.tests.promql import check_metrics_exist, get_selectors, get_used_labels
from finishd.operations.tests.scraping import TOKEN

DASHBOARD = json.loads((RULES.parent / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
GRID_WIDTH = 24
# Grafana replaces this by a duration before it sends the expression.
RATE_INTERVAL = "$__rate_interval"
TASK_OUTCOMES = {"succeeded", "retried", "failed", "timed_out", "killed", "lost", "expired", "revoked"}


def get_targets() -> Iterator[tuple[str, str]]:
    """Yield the expression and the legend of each target."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"].replace(RATE_INTERVAL, "5m"), target["legendFormat"]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_every_metric_and_label_of_the_dashboard_is_exported(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    metering._unflushed.sums.clear()
    metrics = get_metrics()
    for expression, legend in get_targets():
        check_metrics_exist(expression, metrics)
        labels = set().union(*(metrics[name] for name in get_used_labels(expression)), {"instance"})
        assert set(re.findall(r"{{(\w+)}}", legend)) <= labels, legend


def test_the_dashboard_shows_every_metric_of_an_alert() -> None:
    shown = {name for expression, _ in get_targets() for name in get_used_labels(expression)}
    for alert in get_alerts():
        missing = set(get_used_labels(alert["expr"])) - shown
        assert {re.sub(r"_count$", "_bucket", name) for name in missing} <= shown, alert["alert"]


def test_every_panel_has_a_title_a_description_and_a_unit() -> None:
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(set(titles)) == len(titles)


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= GRID_WIDTH for place in places)
    assert not any(overlap(*pair) for pair in itertools.combinations(places, 2))


def test_a_panel_takes_its_data_from_the_chosen_prometheus() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert [panel["datasource"], *(target["datasource"] for target in panel["targets"])] == [chosen] * (
            1 + len(panel["targets"])
        ), panel["title"]


def test_grafana_can_import_the_dashboard_twice() -> None:
    # Without an id, Grafana creates it. With its uid, a second import replaces it.
    assert "id" not in DASHBOARD
    assert (DASHBOARD["uid"], DASHBOARD["title"], DASHBOARD["schemaVersion"]) == ("finishd", "Finishd", 39)


def test_every_value_that_a_rule_or_panel_asks_for_can_occur() -> None:
    # A misspelt value would select nothing, so its alert would never fire.
    app.loader.import_default_modules()
    values: dict[str, set[str]] = {
        "task": set(app.tasks),
        "collector": set(COLLECTORS),
        "state": set(STATES),
        "index": {indexes.TRENDING},
        "outcome": {*get_args(Outcome), *TASK_OUTCOMES},
        "le": {str(seconds) for seconds in telemetry.REQUEST_BUCKETS},
    }
    expressions = [rule["expr"] for rule in get_rules()] + [expression for expression, _ in get_targets()]
    for expression in expressions:
        for selector in get_selectors(expression):
            for matcher in selector.matchers.matchers:
                asked = set(matcher.value.split("|"))
                assert asked <= values.get(matcher.name, asked), expression
