"""`python -m finishd.run`."""

import os
import sys

from core.outages import is_disk_full
from finishd.run.config import load_config
from finishd.run.errors import StartupError
from finishd.run.output import Output
from finishd.run.steps import run


def main() -> int:
    output = Output(sys.stdout)
    try:
        run(load_config(os.environ), output)
    except StartupError as error:
        print(f"finishd: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if not is_disk_full(error):
            raise
        print(f"finishd: The disk is full: {error.filename or error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first program was started
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
