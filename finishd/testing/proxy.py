"""A TCP proxy on loopback that can be slow, hang, reset or interrupt replies, between a process and its dependency."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from finishd.run.ports import free_port
from finishd.testing.interruptions import Action, Interruption

Mode = Literal["pass", "delay", "trickle", "hang", "reset", "refuse"]

_CHUNK_BYTES = 65_536
_LINGER_RESET = struct.pack("ii", 1, 0)  # close() then resets the connection, as after the crash of a machine


class Proxy:
    """Forward a port to `target` ("host:port"). The port is the same in all modes.

    - `pass`: forward everything at once
    - `delay`: forward each chunk of a reply after `seconds`
    - `trickle`: forward replies byte by byte, `seconds` apart
    - `hang`: accept connections and forward nothing until the mode changes
    - `reset`: reset existing connections, and new ones when they are accepted
    - `refuse`: reset existing connections and refuse new ones

    In all modes, `interrupt` ends replies in the middle. `connection_count` is the number of accepted connections. The
    mode can change at any time.
    """

    def __init__(self, target: str) -> None:
        self.forward_to(target)
        self.port = free_port()
        self.connection_count = 0
        self._mode: Mode = "refuse"
        self._seconds = 0.0
        self._interruption: Interruption | None = None
        self._mode_changed = threading.Condition()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self.switch("pass")

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def forward_to(self, target: str) -> None:
        """Connect new connections to another server, as after a failover."""
        address, _, port = target.rpartition(":")
        self._target = (address, int(port))

    def switch(self, mode: Mode, seconds: float = 0.0) -> None:
        with self._mode_changed:
            self._mode, self._seconds = mode, seconds
            self._mode_changed.notify_all()
            if mode in {"reset", "refuse"}:
                self._reset_all()
        if mode == "refuse":
            self._close_listener()
        elif self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._start_thread(self._accept, self._listener)

    @contextlib.contextmanager
    def interrupt(
        self, action: Action, after: int | Callable[[], int], *, marker: bytes = b"", times: int | None = None
    ) -> Iterator[Interruption]:
        """Interrupt the replies of each connection within the block, as the `Interruption` says."""
        interruption = self._set_interruption(Interruption(action, after, marker=marker, times=times))
        try:
            yield interruption
        finally:
            self._set_interruption(None)

    def close(self) -> None:
        self._set_interruption(None)
        self.switch("refuse")

    def _set_interruption(self, interruption: Interruption | None) -> Any:
        with self._mode_changed:
            self._interruption = interruption
            self._mode_changed.notify_all()
        return interruption

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connection_count += 1
                self._start_thread(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        """Forward data between a client and the target until one of them closes its connection."""
        if not self._add_if_open(client):
            return
        try:
            self._wait_while_hanging(client)
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            self._close_connection(client)
            return
        server.settimeout(None)
        for connection in (client, server):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._add_if_open(server):
            self._start_thread(self._forward_requests, client, server)
            self._forward_replies(server, client)

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := client.recv(_CHUNK_BYTES):
                self._wait_while_hanging(client)
                if self._interruption is not None:
                    self._interruption.notice_request(client, chunk)
                server.sendall(chunk)
        self._close_connection(client)
        self._close_connection(server)

    def _forward_replies(self, server: socket.socket, client: socket.socket) -> None:
        is_open = True  # towards the client
        with contextlib.suppress(OSError):
            while chunk := server.recv(_CHUNK_BYTES):
                self._wait_while_hanging(server)
                if is_open:
                    is_open = self._reply(server, client, chunk)
        self._close_connection(server)
        self._close_connection(client)

    def _reply(self, server: socket.socket, client: socket.socket, chunk: bytes) -> bool:
        """Forward a chunk of a reply. Return whether the client can still receive."""
        interruption = self._interruption
        taken = interruption.take(client, len(chunk)) if interruption else None
        if interruption is None or taken is None:
            self._send(client, chunk)
            return True
        client.sendall(chunk[:taken])
        match interruption.action:
            case "half-close":
                client.shutdown(socket.SHUT_WR)
                return False
            case "half-close-server":
                server.shutdown(socket.SHUT_WR)
            case "stall":
                with self._mode_changed:
                    self._mode_changed.wait_for(lambda: self._interruption is not interruption)
            case action:
                self._close_connection(client, reset=action == "reset")
                raise ConnectionResetError
        client.sendall(chunk[taken:])
        return True

    def _send(self, client: socket.socket, chunk: bytes) -> None:
        mode, seconds = self._mode, self._seconds
        if mode not in {"delay", "trickle"}:
            client.sendall(chunk)
        elif mode == "delay":
            time.sleep(seconds)
            client.sendall(chunk)
        else:
            for index in range(len(chunk)):
                client.sendall(chunk[index : index + 1])
                if self._mode == "trickle":
                    time.sleep(seconds)

    def _wait_while_hanging(self, connection: socket.socket) -> None:
        """Wait while the mode is `hang`. Raises OSError if the connection was closed during the wait."""
        with self._mode_changed:
            self._mode_changed.wait_for(lambda: self._mode != "hang")
            if connection not in self._connections:
                raise ConnectionResetError

    def _add_if_open(self, connection: socket.socket) -> bool:
        """Add a connection, or close it and return False if the mode refuses connections."""
        with self._mode_changed:
            self._connections.add(connection)
            is_refused = self._mode in {"reset", "refuse"}
        if is_refused:
            self._close_connection(connection)
        return not is_refused

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            self._close_connection(connection)

    def _close_connection(self, connection: socket.socket, *, reset: bool = False) -> None:
        if connection not in self._connections:
            return  # the other thread closes it, and knows whether to reset it
        self._connections.discard(connection)
        with contextlib.suppress(OSError):
            if reset or self._mode in {"reset", "refuse"}:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
                connection.shutdown(socket.SHUT_RD)  # wakes the thread that reads, and sends nothing
            else:
                connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def _start_thread(self, target: object, *args: socket.socket) -> None:
        assert callable(target)
        threading.Thread(target=target, args=args, name="proxy", daemon=True).start()
