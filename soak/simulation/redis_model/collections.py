"""Commands on lists, hashes and sets."""

from collections.abc import Sequence

from soak.simulation.redis_model.keys import OK
from soak.simulation.redis_model.server import RedisModel, command, get_range, to_int


@command("LPUSH")
def lpush(server: RedisModel, args: Sequence[bytes]) -> int:
    values = server.get_or_create(args[0], list)
    values[:0] = reversed(args[1:])
    return len(values)


@command("RPUSH")
def rpush(server: RedisModel, args: Sequence[bytes]) -> int:
    values = server.get_or_create(args[0], list)
    values += args[1:]
    return len(values)


@command("LLEN")
def llen(server: RedisModel, args: Sequence[bytes]) -> int:
    return len(server.get(args[0], list) or [])


@command("LINDEX")
def lindex(server: RedisModel, args: Sequence[bytes]) -> bytes | None:
    values: list[bytes] = server.get(args[0], list) or []
    position = to_int(args[1])
    return values[position] if -len(values) <= position < len(values) else None


@command("LRANGE")
def lrange(server: RedisModel, args: Sequence[bytes]) -> list[bytes]:
    values: list[bytes] = server.get(args[0], list) or []
    return values[get_range(args[1], args[2], len(values))]


@command("LTRIM")
def ltrim(server: RedisModel, args: Sequence[bytes]) -> bytes:
    values: list[bytes] | None = server.get(args[0], list)
    if values is not None:
        values[:] = values[get_range(args[1], args[2], len(values))]
        server.drop_if_empty(args[0])
    return OK


@command("HSET")
def hset(server: RedisModel, args: Sequence[bytes]) -> int:
    fields = server.get_or_create(args[0], dict)
    before = len(fields)
    fields.update(zip(args[1::2], args[2::2], strict=True))
    return len(fields) - before


@command("HGET")
def hget(server: RedisModel, args: Sequence[bytes]) -> bytes | None:
    return (server.get(args[0], dict) or {}).get(args[1])


@command("HMGET")
def hmget(server: RedisModel, args: Sequence[bytes]) -> list[bytes | None]:
    fields: dict[bytes, bytes] = server.get(args[0], dict) or {}
    return [fields.get(name) for name in args[1:]]


@command("HGETALL")
def hgetall(server: RedisModel, args: Sequence[bytes]) -> list[bytes]:
    fields: dict[bytes, bytes] = server.get(args[0], dict) or {}
    return [part for pair in fields.items() for part in pair]


@command("HLEN")
def hlen(server: RedisModel, args: Sequence[bytes]) -> int:
    return len(server.get(args[0], dict) or {})


@command("HDEL")
def hdel(server: RedisModel, args: Sequence[bytes]) -> int:
    fields: dict[bytes, bytes] = server.get(args[0], dict) or {}
    removed = sum(fields.pop(name, None) is not None for name in args[1:])
    server.drop_if_empty(args[0])
    return removed


@command("HINCRBY")
def hincrby(server: RedisModel, args: Sequence[bytes]) -> int:
    fields = server.get_or_create(args[0], dict)
    number = to_int(fields.get(args[1], b"0"), "hash value is not an integer") + to_int(args[2])
    fields[args[1]] = b"%d" % number
    return number


@command("SADD")
def sadd(server: RedisModel, args: Sequence[bytes]) -> int:
    members = server.get_or_create(args[0], set)
    before = len(members)
    members.update(args[1:])
    return len(members) - before


@command("SREM")
def srem(server: RedisModel, args: Sequence[bytes]) -> int:
    members: set[bytes] = server.get(args[0], set) or set()
    removed = len(members.intersection(args[1:]))
    members.difference_update(args[1:])
    server.drop_if_empty(args[0])
    return removed


@command("SMEMBERS")
def smembers(server: RedisModel, args: Sequence[bytes]) -> list[bytes]:
    """Return the members in the order of their names, so that equal histories have equal replies."""
    return sorted(server.get(args[0], set) or set())
