"""Commands on keys and strings."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from soak.simulation.redis_model.server import (
    Entry,
    RedisModel,
    Simple,
    SortedSet,
    command,
    to_int,
)
from soak.simulation.redis_model.streams import Stream

OK: Final = Simple(b"OK")
_TYPES: Final = {
    bytes: b"string",
    list: b"list",
    dict: b"hash",
    set: b"set",
    SortedSet: b"zset",
    Stream: b"stream",
}
_SECONDS: Final = {b"EX": 1_000, b"PX": 1}


@command("PING")
def ping(server: RedisModel, args: Sequence[bytes]) -> bytes:
    return Simple(b"PONG")


@command("INFO")
def info(server: RedisModel, args: Sequence[bytes]) -> bytes:
    """Return the run id, which differs after each restart."""
    return b"# Server\r\nredis_version:7.0.15\r\nrun_id:a%07x%032x\r\n" % (server.restarts, 0)


@command("TIME")
def time(server: RedisModel, args: Sequence[bytes]) -> list[bytes]:
    seconds = server.clock()
    return [b"%d" % seconds, b"%d" % (seconds % 1 * 1_000_000)]


@command("GET")
def get(server: RedisModel, args: Sequence[bytes]) -> bytes | None:
    return server.get(args[0], bytes)


@command("MGET")
def mget(server: RedisModel, args: Sequence[bytes]) -> list[bytes | None]:
    values = (server.get_entry(name) for name in args)
    return [entry.value if entry and isinstance(entry.value, bytes) else None for entry in values]


@command("GETRANGE")
def getrange(server: RedisModel, args: Sequence[bytes]) -> bytes:
    """Return part of a string. Unlike in lists, an end before the start of the string means its first byte."""
    value = server.get(args[0], bytes) or b""
    first, last = to_int(args[1]), to_int(args[2])
    if first < 0 and last < 0 and first > last:
        return b""
    first, last = (max(number + len(value), 0) if number < 0 else number for number in (first, last))
    return value[first : last + 1]


@command("SET")
def set_(server: RedisModel, args: Sequence[bytes]) -> bytes | None:
    name, value, *options = args
    flags = [option.upper() for option in options]
    exists = server.get_entry(name) is not None
    if (b"NX" in flags and exists) or (b"XX" in flags and not exists):
        return None
    server.put(name, value)
    for flag, milliseconds in _SECONDS.items():
        if flag in flags:
            server.data[name].expires_at = server.now_ms + milliseconds * to_int(args[flags.index(flag) + 3])
    return OK


@command("GETEX")
def getex(server: RedisModel, args: Sequence[bytes]) -> bytes | None:
    value = server.get(args[0], bytes)
    if value is not None and len(args) > 1:
        server.data[args[0]].expires_at = server.now_ms + _SECONDS[args[1].upper()] * to_int(args[2])
    return value


@command("INCRBY")
def incrby(server: RedisModel, args: Sequence[bytes]) -> int:
    value = server.get(args[0], bytes)
    number = to_int(b"0" if value is None else value) + to_int(args[1])
    entry = server.get_entry(args[0])
    server.data[args[0]] = Entry(b"%d" % number, entry.expires_at if entry else None)
    return number


@command("INCR")
def incr(server: RedisModel, args: Sequence[bytes]) -> int:
    return incrby(server, [args[0], b"1"])  # type: ignore[no-any-return]


@command("DEL")
def delete(server: RedisModel, args: Sequence[bytes]) -> int:
    return sum(server.delete(name) for name in args)


@command("UNLINK")
def unlink(server: RedisModel, args: Sequence[bytes]) -> int:
    return sum(server.delete(name) for name in args)


@command("EXISTS")
def exists(server: RedisModel, args: Sequence[bytes]) -> int:
    return sum(server.get_entry(name) is not None for name in args)


@command("TYPE")
def type_(server: RedisModel, args: Sequence[bytes]) -> bytes:
    entry = server.get_entry(args[0])
    return Simple(_TYPES[type(entry.value)] if entry else b"none")


@command("EXPIRE")
def expire(server: RedisModel, args: Sequence[bytes]) -> int:
    return _expire_in(server, args[0], 1_000 * to_int(args[1]))


@command("PEXPIRE")
def pexpire(server: RedisModel, args: Sequence[bytes]) -> int:
    return _expire_in(server, args[0], to_int(args[1]))


@command("PERSIST")
def persist(server: RedisModel, args: Sequence[bytes]) -> int:
    entry = server.get_entry(args[0])
    if entry is None or entry.expires_at is None:
        return 0
    entry.expires_at = None
    return 1


@command("PTTL")
def pttl(server: RedisModel, args: Sequence[bytes]) -> int:
    entry = server.get_entry(args[0])
    if entry is None:
        return -2
    return -1 if entry.expires_at is None else int(entry.expires_at - server.now_ms)


@command("TTL")
def ttl(server: RedisModel, args: Sequence[bytes]) -> int:
    milliseconds = pttl(server, args)
    return milliseconds if milliseconds < 0 else (milliseconds + 500) // 1_000  # type: ignore[no-any-return]


@command("SCAN")
def scan(server: RedisModel, args: Sequence[bytes]) -> list[Any]:
    """Return all keys at once, in order, whatever the count."""
    flags = [arg.upper() for arg in args]
    pattern = args[flags.index(b"MATCH") + 1] if b"MATCH" in flags else b"*"
    names = [name for name in sorted(server.data) if server.get_entry(name) is not None]
    return [b"0", [name for name in names if fnmatchcase(name.decode(), pattern.decode())]]


@command("FLUSHALL")
def flushall(server: RedisModel, args: Sequence[bytes]) -> bytes:
    server.data.clear()
    return OK


def _expire_in(server: RedisModel, name: bytes, milliseconds: int) -> int:
    entry = server.get_entry(name)
    if entry is None:
        return 0
    entry.expires_at = server.now_ms + milliseconds
    if milliseconds <= 0:
        server.delete(name)
    return 1
