#!/usr/bin/env python
"""Django's command line for Finishd."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")
    # A command may wait longer for Redis than a phone may.
    os.environ.setdefault("REDIS_TIMEOUT", "5")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  (after the settings are named)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
