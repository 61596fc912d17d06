"""Labelled output: several processes share one terminal, and each line has the name of its process."""

import os
import threading
from typing import IO, TextIO

from core.outages import is_disk_full

COLOURS = {
    "finishd": "1",
    "web": "36",
    "worker": "33",
    "events": "34",
    "beat": "35",
    "redis": "31",
    "setup": "32",
}
WIDTH = max(len(name) for name in COLOURS)


class Output:
    """A stream that threads share line by line. It uses colours on a terminal unless NO_COLOR is set."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR")

    def write_line(self, name: str, line: str) -> None:
        label = f"{name:<{WIDTH}} |"
        if self._colour and name in COLOURS:
            label = f"\033[{COLOURS[name]}m{label}\033[0m"
        self.write(f"{label} {line}")

    def write(self, text: str) -> None:
        """Write text without a label, so that it can be copied. Lines are lost while the disk of the output is full.

        Otherwise the threads that read the programs' output would end, and with them the programs.
        """
        with self._lock:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except OSError as error:
                if not is_disk_full(error):
                    raise

    def forward(self, name: str, pipe: IO[str]) -> None:
        """Write each line of `pipe` with a label, until the pipe closes."""
        with pipe:
            for line in pipe:
                self.write_line(name, line.rstrip())
