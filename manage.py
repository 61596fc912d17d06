#!/usr/bin/env python
"""Django's command line for Finishd."""

import os
import sys


def main() -> None:
    import finishd  # noqa: F401, PLC0415  (before Django, because it checks the version of Python)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")
    # No phone waits for a command, so it may wait longer for Redis.
    os.environ.setdefault("REDIS_TIMEOUT", "5")
    # After DJANGO_SETTINGS_MODULE is set.
    from django.conf import settings  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if settings.configured:  # the error is in a command, not in the settings
            raise
        data = os.environ.get("FINISHD_DATA") or ".data"
        sys.exit(f"{error} (FINISHD_DATA is the data directory of a run: {data})")


if __name__ == "__main__":
    main()
