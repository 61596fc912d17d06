"""The versions of Python that Finishd supports. Older versions of Python 3 can load this file and report the error."""

import sys

MIN_PYTHON = (3, 11)


def check_python_version() -> None:
    """Exit with one sentence if this Python is too old."""
    if sys.version_info < MIN_PYTHON:
        version = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit("finishd: Finishd needs Python 3.11 or newer, but this is " + version + ".")
