"""A process with Django that runs calls from standard input until it ends.

A call is a line `{"name": "bench.remote.seed.seed_items", "arguments": {…}}`. The response is a line `{"value": …}` or
`{"error": traceback}`.
"""

import importlib
import json
import os
import sys
import traceback
from typing import Any

import django


def main() -> None:
    # Redirect standard output to standard error, so that other output cannot mix with the responses.
    responses = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    django.setup()
    for line in sys.stdin:
        responses.write(json.dumps(_run_call(json.loads(line))) + "\n")


def _run_call(call: dict[str, Any]) -> dict[str, Any]:
    module, _, function = call["name"].rpartition(".")
    try:
        return {"value": getattr(importlib.import_module(module), function)(**call["arguments"])}
    except Exception:  # The caller raises RunFailed with this traceback.
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    main()
