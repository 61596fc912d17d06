"""The promises to clients, checked in a history. Pure functions: a history goes in, violations come out.

`check` runs all of them. `soak.minimising` reduces a history to the operations that show one violation.
"""

from collections.abc import Callable, Mapping
from typing import Final

from soak.checks.answers import check_answers, check_availability
from soak.checks.counts import check_counts
from soak.checks.results import Result
from soak.checks.sessions import check_same_pages, check_sessions
from soak.checks.visibility import check_hidden, check_visible
from soak.history import History

CHECKS: Final[Mapping[str, Callable[[History], Result]]] = {
    "visible": check_visible,
    "hidden": check_hidden,
    "counts": check_counts,
    "no repeats": check_sessions,
    "same page": check_same_pages,
    "documented answers": check_answers,
    "no failure without a fault": check_availability,
}


def check(history: History) -> list[Result]:
    """Check every promise."""
    return [run(history) for run in CHECKS.values()]
