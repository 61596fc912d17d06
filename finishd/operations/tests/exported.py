"""The metrics that the application exports, with their labels."""

import time
from typing import Any, Final

import yaml
from django.conf import settings
from prometheus_client.metrics import MetricWrapperBase

from activity.services import delivery, relations
from activity.types import Relation
from analytics.tests.events import count_all, make_body, send_events
from core import telemetry
from feed.tests import world
from finishd.operations.tests.promql import RECORDED_LABELS
from finishd.operations.tests.scraping import scrape
from finishd.testing.api import get_client

RULES = settings.BASE_DIR / "docs" / "operations" / "alerts.yaml"
Labels = dict[str, set[str]]
# Prometheus has these itself: targets, and its alerts.
PROMETHEUS: Final[Labels] = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}


def get_rules() -> list[dict[str, Any]]:
    """Return the rules of docs/operations/alerts.yaml, in their order."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def get_alerts() -> list[dict[str, Any]]:
    return [rule for rule in get_rules() if "alert" in rule]


def get_metrics() -> Labels:
    """Return all metrics by the names of their samples: declared, collected, recorded, and Prometheus's own.

    It fills the database and Redis, so that each collector has something to measure. A failure counter has no sample
    before the first failure, so the metrics of processes are taken from their declarations.
    """
    _create_data()
    collected = {name: {label for label, _ in labels} for name, labels in scrape()}
    recorded = {rule["record"]: set(RECORDED_LABELS) for rule in get_rules() if "record" in rule}
    return {**collected, **get_declared(), **recorded, **PROMETHEUS}


def get_declared() -> Labels:
    """Return the metrics that processes count, by the names of their samples."""
    declared: Labels = {}
    for metric in telemetry.REGISTRY._collector_to_names:
        assert isinstance(metric, MetricWrapperBase)
        labels = set(metric._labelnames)
        if metric._type == "counter":
            declared[f"{metric._name}_total"] = labels
        else:
            declared |= {f"{metric._name}{end}": labels for end in ("_sum", "_count")}
            declared[f"{metric._name}_bucket"] = labels | {"le"}
    return declared


def _create_data() -> None:
    """Create indexes, store calls, a finished and an unfinished delivery, a counted event and a dead letter."""
    now = time.time()
    items = world.catalogue(30)
    world.build()
    get_client("ama").post("/api/v1/social/follow", {"target_uid": "kofi", "action": "follow"})
    liked = relations.set_relation("kofi", "movie:1", Relation(favorite=True), source=None, now=now)
    delivery.deliver_batch("kofi", "movie:1", liked.activity.version, now=now)
    relations.set_relation("kofi", "movie:2", Relation(favorite=True), source=None, now=now)
    send_events("ama", make_body(items[0]), make_body("made-up"))
    count_all()
