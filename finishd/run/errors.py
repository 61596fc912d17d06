"""What `make run` says when it cannot go on."""


class StartupError(Exception):
    """One clear line for the terminal; the run ends with exit code 1."""
