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
        sys.stdout.flush()  # here, so that a closed pipe is noticed here
    except BrokenPipeError:
        # The program that reads the output has ended, as `head` does. Python flushes once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ImproperlyConfigured as error:
        if settings.configured:  # the error is in a command, not in the settings
            raise
        data = os.environ.get("FINISHD_DATA") or ".data"
        sys.exit(f"{error} (FINISHD_DATA is the data directory of a run: {data})")
    except Exception as error:
        from core.outages import get_outage  # noqa: PLC0415

        if get_outage(error) is None:
            raise
        sys.exit(f"finishd: {type(error).__name__}: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
