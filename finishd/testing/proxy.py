"""A TCP proxy on loopback that can be slow, hang or reset, between a process and its dependency."""

import contextlib
import socket
import struct
import threading
import time
from typing import Literal

from finishd.run.ports import free_port

Mode = Literal["pass", "delay", "trickle", "hang", "reset", "refuse"]

_PIECE = 65_536
_RESET = struct.pack("ii", 1, 0)  # close() then resets the connection, as after the crash of a machine


class Proxy:
    """Forward connections from a port of its own to `target` ("host:port"). The port is the same in all modes.

    - `pass`: forward everything at once
    - `delay`: forward each piece of a reply `seconds` later
    - `trickle`: forward replies byte by byte, `seconds` apart
    - `hang`: accept connections and forward nothing until the mode changes
    - `reset`: reset existing connections, and new ones when they are accepted
    - `refuse`: reset existing connections and refuse new ones

    `made` counts the accepted connections. The mode can change at any time.
    """

    def __init__(self, target: str) -> None:
        address, _, port = target.rpartition(":")
        self._target = (address, int(port))
        self.port = free_port()
        self.made = 0
        self._mode: Mode = "refuse"
        self._seconds = 0.0
        self._changed = threading.Condition()
        self._listener: socket.socket | None = None
        self._ends: set[socket.socket] = set()
        self.switch("pass")

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def switch(self, mode: Mode, seconds: float = 0.0) -> None:
        with self._changed:
            self._mode, self._seconds = mode, seconds
            self._changed.notify_all()
            if mode in {"reset", "refuse"}:
                self._reset_all()
        if mode == "refuse":
            self._close_listener()
        elif self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._run(self._accept, self._listener)

    def close(self) -> None:
        self.switch("refuse")

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self.made += 1
                self._run(self._join, near)

    def _join(self, near: socket.socket) -> None:
        """Forward between a new connection and the target until one of them ends."""
        if not self._kept(near):
            return
        try:
            self._wait_while_silent(near)
            far = socket.create_connection(self._target, timeout=5)
        except OSError:
            self._drop(near)
            return
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._kept(far):
            self._run(self._carry, near, far)
            self._carry(far, near, answers=True)

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool = False) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                self._wait_while_silent(source)
                self._send(sink, piece, answers=answers)
        self._drop(source)
        self._drop(sink)

    def _send(self, sink: socket.socket, piece: bytes, *, answers: bool) -> None:
        mode, seconds = self._mode, self._seconds
        if not answers or mode not in {"delay", "trickle"}:
            sink.sendall(piece)
        elif mode == "delay":
            time.sleep(seconds)
            sink.sendall(piece)
        else:
            for place in range(len(piece)):
                sink.sendall(piece[place : place + 1])
                if self._mode == "trickle":
                    time.sleep(seconds)

    def _wait_while_silent(self, end: socket.socket) -> None:
        """Wait while the mode is `hang`. Raises OSError if the connection was closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._mode != "hang")
            if end not in self._ends:
                raise ConnectionResetError

    def _kept(self, end: socket.socket) -> bool:
        with self._changed:
            self._ends.add(end)
            dead = self._mode in {"reset", "refuse"}
        if dead:
            self._drop(end)
        return not dead

    def _reset_all(self) -> None:
        for end in list(self._ends):
            self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        self._ends.discard(end)
        with contextlib.suppress(OSError):
            if self._mode in {"reset", "refuse"}:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
        end.close()

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def _run(self, work: object, *args: socket.socket) -> None:
        assert callable(work)
        threading.Thread(target=work, args=args, name="proxy", daemon=True).start()
