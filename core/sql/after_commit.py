"""Work that follows a commit and cannot undo it."""

from collections.abc import Callable
from typing import ParamSpec

from django.db import transaction

P = ParamSpec("P")


def run_after_commit(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call `work` once the current transaction has committed, or at once outside of one.

    Its exceptions are logged and not raised, because the change is already made.
    """

    # A function instead of functools.partial: Django logs a failed callable by its `__qualname__`.
    def run() -> None:
        work(*args, **kwargs)

    transaction.on_commit(run, robust=True)
