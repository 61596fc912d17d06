"""Test that the alert rules match `/metrics` and docs/OPERATIONS.md."""

import re
from typing import Any

import pytest
import yaml
from django.conf import settings
from prometheus_client.metrics import MetricWrapperBase

from activity.services import metering
from core import telemetry
from feed.tests import world
from finishd.operations.tests.scraping import TOKEN, scrape

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def _clear_totals(settings: Any) -> None:
    """Remove the totals of other tests in this process."""
    settings.METRICS_TOKEN = TOKEN
    metering._unflushed.sums.clear()


class TestAlerts:
    """Tests of docs/operations/alerts.yaml."""

    @pytest.fixture
    def rules(self) -> list[dict[str, Any]]:
        document = yaml.safe_load((settings.BASE_DIR / "docs/operations/alerts.yaml").read_text())
        return [rule for group in document["groups"] for rule in group["rules"]]

    def test_every_rule_has_a_summary_and_a_description(self, rules: list[dict[str, Any]]) -> None:
        for rule in rules:
            assert all(rule["annotations"][name] for name in ("summary", "description")), rule["alert"]

    def test_every_metric_of_a_rule_is_exposed(self, rules: list[dict[str, Any]]) -> None:
        world.catalogue(30)
        world.build()
        counted = {
            f"{family.name}{end}"
            for family in telemetry.REGISTRY.collect()
            for end in (("_total",) if family.type == "counter" else ("_bucket", "_count", "_sum"))
        }
        measured = {name for name, _ in scrape()}
        described = {"finishd_dead_letters"}  # exposed only for existing dead letters
        for rule in rules:
            metrics = set(re.findall(r"\b(?:finishd_\w+|up)\b", rule["expr"]))
            assert metrics, rule["alert"]
            assert metrics <= counted | measured | described | {"up"}, rule["alert"]

    def test_every_label_of_a_rule_belongs_to_its_metric(self, rules: list[dict[str, Any]]) -> None:
        labels = {
            f"{name}{end}": set(metric._labelnames)
            for metric in telemetry.REGISTRY._collector_to_names
            if isinstance(metric, MetricWrapperBase)
            for name in [metric._name]
            for end in ("_total", "_bucket", "_count")
        }
        for rule in rules:
            for name, matchers in re.findall(r"(finishd_\w+)\{([^}]*)\}", rule["expr"]):
                assert set(re.findall(r"(\w+)(?==|!)", matchers)) <= labels.get(
                    name, {"collector", "index"}
                ), rule

    def test_the_operations_page_lists_exactly_the_alerts(self, rules: list[dict[str, Any]]) -> None:
        page = (settings.BASE_DIR / "docs/OPERATIONS.md").read_text()
        rows = re.findall(r"^\| `(Finishd\w+)` \| .+ \| .+ \|$", page, re.MULTILINE)
        assert rows == [rule["alert"] for rule in rules]
