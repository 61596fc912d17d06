"""Replies that end in the middle: when a proxy interrupts a connection, and how."""

import threading
from collections.abc import Callable
from typing import Final, Literal, get_args

Action = Literal["cut", "reset", "half-close", "half-close-server", "stall"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


class Interruption:
    """Interrupt each connection after some bytes of its replies.

    - `cut`: close the connection (FIN)
    - `reset`: reset it (RST), as after the crash of a machine
    - `half-close`: close it towards the client, which can still send requests
    - `half-close-server`: close it towards the server, which can still send replies
    - `stall`: hold the rest of the reply back until the interruption ends

    `after` is the number of bytes that a connection forwards before that, or a function that returns it for each
    connection: a seeded generator's. With a `marker`, counting begins with the first request that contains these
    bytes. At most `times` connections are interrupted; `count` is their number so far.
    """

    def __init__(
        self, action: Action, after: int | Callable[[], int], *, marker: bytes = b"", times: int | None = None
    ) -> None:
        self.action = action
        self.count = 0
        self._after = after
        self._marker = marker
        self._times = times
        self._lock = threading.Lock()
        self._remaining: dict[object, int] = {}

    def notice_request(self, connection: object, chunk: bytes) -> None:
        """Begin to count the replies of a connection if the request contains the marker."""
        if self._marker and self._marker in chunk:
            self._begin(connection)

    def take(self, connection: object, size: int) -> int | None:
        """Return how many bytes of a chunk to forward before the interruption, None to forward all of it."""
        if not self._marker:
            self._begin(connection)
        with self._lock:
            remaining = self._remaining.get(connection)
            if remaining is None:
                return None
            if remaining >= size:
                self._remaining[connection] = remaining - size
                return None
            if self._times is not None and self.count >= self._times:
                return None
            del self._remaining[connection]
            self.count += 1
            return remaining

    def _begin(self, connection: object) -> None:
        with self._lock:
            if connection not in self._remaining:
                self._remaining[connection] = self._after if isinstance(self._after, int) else self._after()
