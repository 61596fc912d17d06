"""Test that the rules match `/metrics` and docs/OPERATIONS.md."""

import re
from typing import Any

import pytest
from django.conf import settings as django_settings

from activity.services import metering
from finishd.operations.tests.exported import get_alerts, get_metrics, get_rules
from finishd.operations.tests.promql import RECORDED_LABELS, check_metrics_exist
from finishd.operations.tests.scraping import TOKEN

PAGE = django_settings.BASE_DIR / "docs" / "OPERATIONS.md"
BUDGET_MINUTES = 30 * 24 * 60


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_every_metric_and_label_of_a_rule_is_exported(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    metering._unflushed.sums.clear()
    metrics = get_metrics()
    for rule in get_rules():
        if "vector(" not in rule["expr"]:
            check_metrics_exist(rule["expr"], metrics)


def test_every_alert_has_a_summary_and_a_description() -> None:
    for rule in get_alerts():
        assert all(rule["annotations"][name] for name in ("summary", "description")), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]


def test_the_operations_page_lists_exactly_the_alerts() -> None:
    rows = re.findall(r"^\| `(Finishd\w+)` \| .+ \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [rule["alert"] for rule in get_alerts()]


def test_every_service_level_has_an_objective_and_knows_what_is_bad_and_the_total() -> None:
    by_record = {
        record: [rule["labels"]["slo"] for rule in get_rules() if rule.get("record") == record]
        for record in ("finishd:slo_objective:ratio", "finishd:slo_bad:rate5m", "finishd:slo_total:rate5m")
    }
    assert len({tuple(levels) for levels in by_record.values()}) == 1
    assert all(
        set(rule["labels"]) == RECORDED_LABELS
        for rule in get_rules()
        if "labels" in rule and "record" in rule
    )


def test_the_operations_page_lists_the_objectives_and_budgets() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| ([\d.]+) % \| (\d+) minutes \|", PAGE.read_text(), re.MULTILINE)
    expected = []
    for rule in get_rules():
        if rule.get("record") == "finishd:slo_objective:ratio":
            objective = float(re.findall(r"vector\((.+)\)", rule["expr"])[0])
            minutes = round((1 - objective) * BUDGET_MINUTES)
            expected.append((rule["labels"]["slo"], f"{objective * 100:g}", str(minutes)))
    assert rows == expected
