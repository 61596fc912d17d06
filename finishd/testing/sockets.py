"""Clients that misbehave on a connection: they send half a request, or nothing."""

import resource
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.parse import urlsplit

TIMEOUT_SECONDS: Final = 30.0


class RawClient:
    """A connection to a server, for requests that a well-behaved client does not send."""

    def __init__(self, address: str, context: ssl.SSLContext | None = None) -> None:
        """Connect to `address`, with TLS if there is a context."""
        parts = urlsplit(address)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_SECONDS)
        if context is not None:
            self._socket = context.wrap_socket(self._socket, server_hostname=parts.hostname)

    def send(self, text: str) -> None:
        """Send text. `\\n` becomes the line end of HTTP."""
        self._socket.sendall(text.replace("\n", "\r\n").encode())

    def receive(self) -> str:
        """Return what arrives next. "" means that the server has closed the connection."""
        try:
            return self._socket.recv(65_536).decode("latin-1")
        except (ConnectionResetError, ssl.SSLEOFError):
            return ""

    def wait_until_closed(self) -> float:
        """Read until the server closes the connection. Return how many seconds that took."""
        started = time.monotonic()
        while self.receive():
            pass
        return time.monotonic() - started

    def close(self) -> None:
        self._socket.close()


@contextmanager
def open_connections(
    address: str, number: int, context: ssl.SSLContext | None = None
) -> Iterator[list[RawClient]]:
    """Open connections that send nothing by themselves."""
    _allow_open_files(number + 500)
    with ExitStack() as stack:
        clients = []
        for _ in range(number):
            clients.append(RawClient(address, context))
            stack.callback(clients[-1].close)
        yield clients


def _allow_open_files(needed: int) -> None:
    """Raise the limit of this process, if the system allows so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
