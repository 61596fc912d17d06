"""redis-py on a model instead of a socket: the clients of `core.redis.client` are used as they are."""

from collections.abc import Callable
from typing import Any, cast

from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from core.redis.client import DeadlineParser, GuardedRedis
from core.redis.run_ids import remember_run_id
from soak.simulation.redis_model import collections, keys, scripting, sorted_sets, streams
from soak.simulation.redis_model.server import ErrorReply, RedisModel

COMMAND_MODULES = (
    collections,
    keys,
    scripting,
    sorted_sets,
    streams,
)  # importing them registers their commands

Hook = Callable[[], None]


def _nothing() -> None:
    pass


class ModelConnection(Connection):
    """A connection that calls the model. Replies wait in a list, as on a socket.

    `before` and `after` are called around each exchange; an error that one of them raises is one of the network.
    """

    def __init__(
        self, *, model: RedisModel, before: Hook = _nothing, after: Hook = _nothing, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._model, self._before, self._after = model, before, after
        self._replies: list[Any] = []
        self._server = -1  # the number of restarts when this connected
        self._is_connecting = False

    def connect(self) -> None:
        """Ask for the run id of a server that restarted, as a new connection does."""
        if self._server != self._model.restarts:
            self._server, self._is_connecting = self._model.restarts, True
            try:
                remember_run_id(self)
            finally:
                self._is_connecting = False

    def on_connect(self) -> None:
        pass

    def disconnect(self, *_: Any, **__: Any) -> None:
        self._replies.clear()

    def can_read(self, timeout: float = 0) -> bool:
        return bool(self._replies)

    def pack_command(self, *args: Any) -> list[list[bytes]]:
        return [_pack(args)]

    def pack_commands(self, commands: Any) -> list[list[bytes]]:
        return [_pack(args) for args in commands]

    def send_command(self, *args: Any, **_: Any) -> None:
        self.send_packed_command([_pack(args)])

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        server = self._model.restarts
        if not self._is_connecting:
            self._before()
        if server != self._model.restarts:
            raise RedisConnectionError("the server restarted")
        for parts in command:
            try:
                self._replies.append(self._model.execute(parts))
            except ErrorReply as reason:
                self._replies.append(DeadlineParser.parse_error(str(reason)))
        try:
            if not self._is_connecting:
                self._after()
        except BaseException:
            self._replies.clear()
            raise

    def read_response(self, *_: Any, **__: Any) -> Any:
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


class ModelPool(ConnectionPool):
    """One connection for all: no process pauses between a command and its reply."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(connection_class=ModelConnection, **kwargs)
        self._connection = cast(ModelConnection, self.make_connection())

    def get_connection(self, *_: Any, **__: Any) -> Any:
        self._connection.connect()
        return self._connection

    def release(self, connection: Any) -> None:
        pass


def make_client(model: RedisModel, *, before: Hook = _nothing, after: Hook = _nothing) -> GuardedRedis:
    """Return a client of the model, configured like those in production."""
    pool = ModelPool(
        host="model",
        port=0,
        model=model,
        before=before,
        after=after,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
    )
    return GuardedRedis(connection_pool=pool)


def _pack(args: Any) -> list[bytes]:
    """Return the arguments as they travel. A command of two words, such as SCRIPT LOAD, comes as one."""
    first, *rest = args
    return [*first.encode().split(), *(_encode(arg) for arg in rest)]


def _encode(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return repr(value).encode() if isinstance(value, float) else str(value).encode()
