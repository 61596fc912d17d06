"""The error of `make run`."""


class StartupError(Exception):
    """The run cannot start or continue. The message is one line for the terminal; the exit code is 1."""
