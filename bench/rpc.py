"""Calls into a process with Django: one JSON line for each request and each response (`bench.remote.__main__`)."""

import json
import os
import select
import sys
import time
from collections.abc import Mapping
from typing import IO, Any, Final

from bench.errors import RunFailed
from bench.servers import Servers

CALL_SECONDS: Final = 300.0
READ_BYTES: Final = 1 << 20


class DjangoProcess:
    """A process with Django that runs one call after another."""

    def __init__(self, servers: Servers, environment: Mapping[str, str]) -> None:
        self._servers = servers
        self._process = servers.start(
            *(sys.executable, "-m", "bench.remote"),
            environment={**environment, "REDIS_TIMEOUT": "30"},
            has_pipes=True,
        )
        self._stdin, self._stdout = _get_pipe(self._process.stdin), _get_pipe(self._process.stdout)
        self._unread = b""

    def call(self, name: str, *, timeout: float = CALL_SECONDS, **arguments: Any) -> Any:
        """Call the function with this dotted name and return its result, a JSON value.

        Raise `RunFailed` with the traceback if the function raises, if the process ends, or after `timeout` seconds.
        """
        line = json.dumps({"name": name, "arguments": arguments}).encode() + b"\n"
        try:
            self._stdin.write(line)
            self._stdin.flush()
        except BrokenPipeError as error:
            raise RunFailed(f"{name}: the process has ended") from error
        response = json.loads(self._read_line(name, time.monotonic() + timeout))
        if "error" in response:
            raise RunFailed(f"{name}:\n{response['error']}")
        return response["value"]

    def close(self) -> None:
        self._servers.stop(self._process)
        self._stdin.close()
        self._stdout.close()

    def _read_line(self, name: str, deadline: float) -> bytes:
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._stdout], [], [], max(deadline - time.monotonic(), 0.0))
            if not ready:
                raise RunFailed(f"{name}: timeout")
            part = os.read(self._stdout.fileno(), READ_BYTES)
            if not part:
                raise RunFailed(f"{name}: the process ended")
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return line


def _get_pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RunFailed("the process was started without pipes")
    return pipe


def call_once(servers: Servers, environment: Mapping[str, str], name: str, **arguments: Any) -> Any:
    """Call a function in a new process, so that its peak memory is that of this call alone."""
    process = DjangoProcess(servers, environment)
    try:
        return process.call(name, **arguments)
    finally:
        process.close()
