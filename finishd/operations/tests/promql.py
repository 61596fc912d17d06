"""The metrics and labels that expressions of PromQL use."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from promql_parser import AggModifierType, AggregateExpr, Expr, VectorSelector, parse, walk

# Prometheus adds these to every sample that it scrapes.
TARGET_LABELS: Final = frozenset({"job", "instance"})
RECORDED_LABELS: Final = frozenset({"slo"})


def get_used_labels(expression: str) -> dict[str, set[str]]:
    """Return the metrics of an expression, each with the labels that it is matched or grouped by."""
    used: defaultdict[str, set[str]] = defaultdict(set)
    expr = parse(expression)
    for selector in get_selectors(expression):
        used[str(selector.name)] |= {matcher.name for matcher in selector.matchers.matchers}
    for node in _get_nodes(expr):
        if isinstance(node, AggregateExpr) and node.modifier and node.modifier.type == AggModifierType.By:
            for selector in _get_selectors(node.expr):
                used[str(selector.name)] |= set(node.modifier.labels)
    return dict(used)


def check_metrics_exist(expression: str, exported: Mapping[str, set[str]]) -> None:
    """Assert that an expression uses metrics, and only exported ones with labels that they have."""
    used = get_used_labels(expression)
    assert used, f"no metric: {expression}"
    for name, labels in used.items():
        assert name in exported, f"{name} is not exported: {expression}"
        missing = labels - exported[name] - TARGET_LABELS
        assert not missing, f"{name} has no label {missing}: {expression}"


def get_selectors(expression: str) -> list[VectorSelector]:
    """Return the selectors of metrics in an expression, from left to right."""
    return _get_selectors(parse(expression))


def _get_nodes(expr: Expr) -> list[Expr]:
    nodes: list[Expr] = []
    walk(expr, nodes.append)
    return nodes


def _get_selectors(expr: Expr) -> list[VectorSelector]:
    return [node for node in _get_nodes(expr) if isinstance(node, VectorSelector)]
