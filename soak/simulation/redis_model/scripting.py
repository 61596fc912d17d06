"""Lua scripts, run by Lua 5.1 as in Redis. A script is compiled once in a process."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from typing import Any

import orjson
from lupa.lua51 import LuaError, LuaRuntime, lua_type

from soak.simulation.redis_model.server import ErrorReply, RedisModel, Simple, command, format_float, to_int


@command("EVALSHA")
def evalsha(server: RedisModel, args: Sequence[bytes]) -> Any:
    sha = args[0].decode()
    if sha not in server.scripts:
        raise ErrorReply("NOSCRIPT No matching script. Please use EVAL.")
    return _run(server, server.scripts[sha], args[1:])


@command("EVAL")
def evaluate(server: RedisModel, args: Sequence[bytes]) -> Any:
    server.scripts[_get_sha(args[0])] = args[0]
    return _run(server, args[0], args[1:])


@command("SCRIPT")
def script(server: RedisModel, args: Sequence[bytes]) -> Any:
    """SCRIPT EXISTS and SCRIPT LOAD."""
    if args[0].upper() == b"EXISTS":
        return [int(sha.decode() in server.scripts) for sha in args[1:]]
    sha = _get_sha(args[1])
    server.scripts[sha] = args[1]
    return sha.encode()


class _Lua:
    """The interpreter of this process. `server` is the one whose script runs."""

    def __init__(self) -> None:
        self.server = RedisModel(lambda: 0.0)
        self.runtime = LuaRuntime(encoding=None, unpack_returned_tuples=False, register_eval=False)
        names = self.runtime.globals()
        names[b"redis"] = self.runtime.table_from({b"call": self.call, b"pcall": self.pcall})
        names[b"cjson"] = self.runtime.table_from({b"decode": lambda text: self.to_lua(_load(text))})

    def call(self, *args: Any) -> Any:
        return self.to_lua(self.server.execute([_to_argument(arg) for arg in args]))

    def pcall(self, *args: Any) -> Any:
        try:
            return self.call(*args)
        except ErrorReply as reason:
            return self.runtime.table_from({b"err": str(reason).encode()})

    def to_lua(self, reply: Any) -> Any:
        """Convert a reply to Lua: None is false, a simple string a table with `ok`."""
        if isinstance(reply, list):
            return self.runtime.table_from([self.to_lua(part) for part in reply])
        if isinstance(reply, Simple):
            return self.runtime.table_from({b"ok": bytes(reply)})
        return False if reply is None else reply

    def from_lua(self, value: Any) -> Any:
        """Convert the result of a script to a reply: false is None, a number is cut to an integer."""
        if lua_type(value) == "table":
            if (status := value[b"ok"]) is not None:
                return Simple(status)
            if (message := value[b"err"]) is not None:
                raise ErrorReply(message.decode())
            parts, index = [], 1
            while (part := value[index]) is not None:
                parts.append(self.from_lua(part))
                index += 1
            return parts
        if value is None or value is False:
            return None
        return int(value) if isinstance(value, int | float) else value


@cache
def _get_lua() -> _Lua:
    return _Lua()


@cache
def _compile(source: bytes) -> Any:
    code = source.partition(b"\n")[2] if source.startswith(b"#!") else source
    return _get_lua().runtime.execute(b"return function(KEYS, ARGV) " + code + b"\nend")


def _run(server: RedisModel, source: bytes, args: Sequence[bytes]) -> Any:
    lua, count = _get_lua(), to_int(args[0])
    names, values = list(args[1 : 1 + count]), list(args[1 + count :])
    outer, rejection = lua.server, server.rejection
    lua.server = server
    if b"allow-oom" in source.partition(b"\n")[0]:
        server.rejection = ""
    try:
        table = lua.runtime.table_from
        return lua.from_lua(_compile(source)(table(names), table(values)))
    except LuaError as reason:
        raise ErrorReply(f"ERR Error running script: {reason}") from reason
    finally:
        lua.server, server.rejection = outer, rejection


def _get_sha(source: bytes) -> str:
    return sha1(source, usedforsecurity=False).hexdigest()


def _to_argument(value: Any) -> bytes:
    return value if isinstance(value, bytes) else format_float(value)


def _load(text: bytes) -> Any:
    """Return parsed JSON with texts as bytes."""

    def encode(value: Any) -> Any:
        if isinstance(value, list):
            return [encode(part) for part in value]
        return value.encode() if isinstance(value, str) else value

    return encode(orjson.loads(text))
