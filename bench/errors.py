"""The exception that ends a run of the bench or of the soak."""


class RunFailed(Exception):
    """The run cannot continue. The message says why."""
