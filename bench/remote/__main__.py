"""A process within a world: reads calls line by line, `{"name": "data.items", "arguments": {…}}`, and answers each in
a line, `{"value": …}` or `{"error": traceback}`, until its input ends."""

import importlib
import json
import os
import sys
import traceback
from typing import Any

import django


def main() -> None:
    # Whatever prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    django.setup()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line))) + "\n")


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    module, _, function = call["name"].rpartition(".")
    try:
        found = getattr(importlib.import_module(module), function)
        return {"value": found(**call["arguments"])}
    except Exception:  # told to the bench, which ends the run
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    main()
