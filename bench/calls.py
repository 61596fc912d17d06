"""Calls into a world: a process with Django (`bench.inside`) that answers line by line."""

import json
import select
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from bench.rows import Failed
from bench.servers import Servers

DEADLINE: Final = 300.0  # seconds of a call


class Inside:
    """One process; calls are answered in turn."""

    def __init__(self, started: Servers, environment: Mapping[str, str]) -> None:
        self._servers = started
        settings = {**environment, "REDIS_TIMEOUT": "30"}
        self.process = started.start(sys.executable, "-m", "bench.inside", environment=settings, talks=True)
        self._rest = b""

    def call(self, name: str, *, deadline: float = DEADLINE, **arguments: Any) -> Any:
        """The value of `bench.inside.<name>(**arguments)`. Raises Failed with its traceback, or when time is up."""
        pipe = self.process.stdin
        assert pipe is not None  # noqa: S101  (it was asked for)
        try:
            pipe.write(json.dumps({"name": name, "arguments": arguments}).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError as error:
            raise Failed(f"{name}: the process is gone") from error
        answer = json.loads(self._line(name, time.monotonic() + deadline))
        if "error" in answer:
            raise Failed(f"{name}:\n{answer['error']}")
        return answer["value"]

    def close(self) -> None:
        self._servers.stop(self.process)

    def _line(self, name: str, until: float) -> bytes:
        pipe = self.process.stdout
        assert pipe is not None  # noqa: S101
        while b"\n" not in self._rest:
            ready, _, _ = select.select([pipe], [], [], max(until - time.monotonic(), 0.0))
            if not ready:
                raise Failed(f"{name} did not answer in time")
            part = pipe.read1(1 << 20)  # type: ignore[attr-defined]  # a BufferedReader
            if not part:
                raise Failed(f"{name}: the process ended")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def once(started: Servers, environment: Mapping[str, str], name: str, **arguments: Any) -> Any:
    """A call in a process of its own, whose memory is that of this call."""
    inside = Inside(started, environment)
    try:
        return inside.call(name, **arguments)
    finally:
        inside.close()
