"""Work that follows a commit and cannot undo it."""

from collections.abc import Callable
from typing import ParamSpec

from django.db import transaction

P = ParamSpec("P")


def run_after_commit(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call `work` once the transaction under way has committed, at once outside of one.

    What it raises is logged, not raised: the change is made. (Django names a failed callable in its log by
    `__qualname__`, which a `functools.partial` has not; hence the function.)
    """

    def follow() -> None:
        work(*args, **kwargs)

    transaction.on_commit(follow, robust=True)
