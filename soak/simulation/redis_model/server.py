"""The keys of the server, and the dispatch of commands to their functions."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

Command = Callable[["RedisModel", Sequence[bytes]], Any]
T = TypeVar("T")

COMMANDS: Final[dict[str, Command]] = {}
CONTAINERS: Final = (list, dict, set)  # that Redis deletes when they are empty
# Commands that take memory. A full server still deletes and shortens.
WRITES: Final = frozenset(
    ("HINCRBY", "HSET", "INCR", "INCRBY", "LPUSH", "RPUSH", "SADD", "SET", "XADD", "ZADD")
)
FULL: Final = "OOM command not allowed when used memory > 'maxmemory'."
_INTEGER: Final = re.compile(rb"-?[1-9][0-9]{0,18}|0")
WRONG_TYPE: Final = "WRONGTYPE Operation against a key holding the wrong kind of value"


class ErrorReply(Exception):
    """An error reply. The message begins with its code, as on the wire."""


class SortedSet(dict[bytes, float]):
    """Member → score."""

    def copy(self) -> "SortedSet":
        return SortedSet(self)

    def ordered(self) -> list[tuple[bytes, float]]:
        """Return the members by score, then by name, with their scores."""
        return sorted(self.items(), key=lambda pair: (pair[1], pair[0]))


@dataclass(slots=True)
class Entry:
    """A value, and the epoch milliseconds at which it expires."""

    value: Any
    expires_at: float | None = None


class Simple(bytes):
    """A simple string reply, such as `OK`. Lua scripts distinguish it from a bulk string."""


def command(name: str) -> Callable[[Command], Command]:
    """Register the function of a command. It gets the server and the arguments after the command's name."""

    def register(function: Command) -> Command:
        COMMANDS[name] = function
        return function

    return register


class RedisModel:
    """The state of the server. `clock` returns epoch seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.data: dict[bytes, Entry] = {}
        self.scripts: dict[str, bytes] = {}
        self.restarts = 0
        self.rejection = ""  # the error reply to commands that write, as of a server that is full

    @property
    def now_ms(self) -> int:
        return int(self.clock() * 1000)

    def execute(self, parts: Sequence[bytes]) -> Any:
        """Run a command and return its reply: bytes, int, None or a list of these. Raises ErrorReply."""
        name = parts[0].decode().upper()
        if name not in COMMANDS:
            raise ErrorReply(f"ERR unknown command '{name}'")
        if self.rejection and name in WRITES:
            raise ErrorReply(self.rejection)
        return COMMANDS[name](self, parts[1:])

    def get_entry(self, name: bytes) -> Entry | None:
        """Return an entry that exists and has not expired."""
        entry = self.data.get(name)
        if entry is not None and entry.expires_at is not None and entry.expires_at <= self.now_ms:
            del self.data[name]
            return None
        return entry

    def get(self, name: bytes, kind: type[T]) -> T | None:
        """Return a value of this type, None if the key does not exist. Raises ErrorReply for another type."""
        entry = self.get_entry(name)
        if entry is None:
            return None
        if type(entry.value) is not kind:
            raise ErrorReply(WRONG_TYPE)
        value: T = entry.value
        return value

    def get_or_create(self, name: bytes, kind: type[T]) -> T:
        """Return a value of this type, new and empty if the key does not exist."""
        value = self.get(name, kind)
        if value is None:
            value = kind()
            self.data[name] = Entry(value)
        return value

    def put(self, name: bytes, value: Any) -> None:
        """Replace a value. The key loses its TTL."""
        self.data[name] = Entry(value)

    def delete(self, name: bytes) -> int:
        exists = self.get_entry(name) is not None
        self.data.pop(name, None)
        return int(exists)

    def drop_if_empty(self, name: bytes) -> None:
        entry = self.data.get(name)
        if entry is not None and isinstance(entry.value, CONTAINERS) and not entry.value:
            del self.data[name]

    def copy_data(self) -> dict[bytes, Entry]:
        """Return a copy of all keys, which `restore` brings back."""
        return {name: Entry(copy_value(e.value), e.expires_at) for name, e in self.data.items()}

    def restore(self, data: dict[bytes, Entry]) -> None:
        """Restart with earlier data, as a server that lost its newest writes. Scripts are lost too."""
        self.data = {name: Entry(copy_value(e.value), e.expires_at) for name, e in data.items()}
        self.scripts.clear()
        self.restarts += 1


def copy_value(value: Any) -> Any:
    return value if isinstance(value, bytes) else value.copy()


def to_int(raw: bytes, error: str = "value is not an integer or out of range") -> int:
    if not _INTEGER.fullmatch(raw):
        raise ErrorReply(f"ERR {error}")
    return int(raw)


def format_float(number: float) -> bytes:
    """Return a score as Redis writes it: 17 digits at most, without a trailing `.0`."""
    return b"%d" % number if number == int(number) and abs(number) < 1e17 else b"%.17g" % number


def get_range(start: bytes, stop: bytes, length: int) -> slice:
    """Return the slice of a range with inclusive, possibly negative ends."""
    first, last = to_int(start), to_int(stop)
    first = max(first + length, 0) if first < 0 else first
    last = last + length if last < 0 else last
    return slice(first, max(last + 1, first))
