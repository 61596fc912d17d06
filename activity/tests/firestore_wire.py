"""What the tests of the Firestore store see of its wire: every RPC, and a line that can be cut."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import Any, Literal

from finishd.run.ports import free_port


@dataclass(frozen=True)
class Rpc:
    name: str
    arguments: dict[str, Any]


class Recorder:
    """Google's client of RPCs, which goes on doing them."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.made: list[Rpc] = []

    def __getattr__(self, name: str) -> Any:
        rpc = getattr(self._api, name)

        def recorded(*args: Any, **kwargs: Any) -> Any:
            assert not args
            self.made.append(Rpc(name, kwargs))
            return rpc(**kwargs)

        return recorded

    @property
    def names(self) -> list[str]:
        return [rpc.name for rpc in self.made]


class Line:
    """A port that leads to a server: `open`, `cut` (refused) or `silent` (accepted, never answered)."""

    def __init__(self, target: str) -> None:
        address, _, port = target.rpartition(":")
        self._target = (address, int(port))
        self._port = free_port()
        self._sockets: list[socket.socket] = []
        self.host = f"127.0.0.1:{self._port}"

    def switch(self, state: Literal["open", "cut", "silent"]) -> None:
        """Everything that went over the line before is gone."""
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._sockets = []
        if state == "cut":
            return
        listener = socket.create_server(("127.0.0.1", self._port))
        self._sockets.append(listener)
        if state == "open":
            self._run(self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                self._run(self._carry, near, far)
                self._run(self._carry, far, near)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                sink.sendall(piece)

    def _run(self, work: Any, *args: socket.socket) -> None:
        threading.Thread(target=work, args=args, daemon=True).start()
