"""Run the rule tests in docs/operations/rule_tests/ with promtool, which Prometheus brings."""

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from finishd.operations.tests.exported import RULES, get_alerts
from finishd.testing.services import service_missing

RULE_TESTS = sorted((RULES.parent / "rule_tests").glob("*.yaml"))


def find_errors(*arguments: str | Path) -> str:
    """Run promtool and return its output if it fails, else "". Skip the test if it is not installed."""
    promtool = shutil.which("promtool")
    if promtool is None:
        service_missing("promtool is not installed; it is part of Prometheus (Debian: prometheus)")
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_the_rules_are_valid() -> None:
    assert find_errors("check", "rules", RULES) == ""


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_end_as_their_rule_tests_say(path: Path) -> None:
    assert find_errors("test", "rules", path) == ""


def test_every_alert_has_a_rule_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    outcomes = defaultdict(set)
    for path in RULE_TESTS:
        for group in yaml.safe_load(path.read_text())["tests"]:
            for case in group.get("alert_rule_test", []):
                outcomes[case["alertname"]].add("fires" if case.get("exp_alerts") else "does not fire")
    for alert in get_alerts():
        assert outcomes[alert["alert"]] == {"fires", "does not fire"}, (
            f"{alert['alert']} needs a rule test in {RULE_TESTS[0].parent}"
        )
    assert set(outcomes) == {alert["alert"] for alert in get_alerts()}
