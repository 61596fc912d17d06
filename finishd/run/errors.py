"""What `make run` says when it cannot go on."""


class Refusal(Exception):  # noqa: N818  (not a fault of the program: a line for the person at the terminal)
    """One clear line for the terminal; the run ends with exit code 1."""
