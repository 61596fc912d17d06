"""`python -m finishd.run`."""

import os
import sys

from finishd.run.config import read
from finishd.run.errors import Refusal
from finishd.run.output import Output
from finishd.run.steps import run


def main() -> int:
    output = Output(sys.stdout)
    try:
        run(read(os.environ), output)
    except Refusal as refusal:
        print(f"finishd: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before anything was started
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
