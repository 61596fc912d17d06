"""The model of Redis replies as a real server does, to random commands and to our scripts."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from redis.exceptions import ResponseError

from core.redis.client import state_redis
from core.redis.script import Script
from soak.simulation.redis_model.client import make_client
from soak.simulation.redis_model.server import COMMANDS, RedisModel

COMMANDS_PER_SEED: Final = 400
KEYS: Final = ("string", "list", "hash", "set", "zset", "stream")
MEMBERS: Final = ("a", "b", "c", "", "né")
OTHERS: Final = {
    "INFO",
    "TIME",
    "SCAN",
    "PING",
    "FLUSHALL",
    "EVAL",
    "EVALSHA",
    "SCRIPT",
}  # compared in tests of their own

Rng = random.Random
Arguments = Callable[[Rng], Sequence[Any]]


def member(rng: Rng) -> str:
    return rng.choice(MEMBERS)


def index(rng: Rng) -> int:
    return rng.randint(-6, 6)


def score(rng: Rng) -> float:
    return rng.choice([-1, 0, 1, 1.5, 2.25, 3e9, 1_795_000_000 * 64 + 7])


# Command → random arguments. Most keys have the type of the command, some another one.
ARGUMENTS: Final[dict[str, Arguments]] = {
    "GET": lambda rng: ["string"],
    "MGET": lambda rng: ["string", "list", "absent"],
    "GETRANGE": lambda rng: ["string", index(rng), index(rng)],
    "SET": lambda rng: [
        "string",
        member(rng),
        *rng.choice([(), ("NX",), ("XX",), ("EX", 100), ("NX", "EX", 9)]),
    ],
    "GETEX": lambda rng: ["string", "EX", 50],
    "INCR": lambda rng: ["counter"],
    "INCRBY": lambda rng: [rng.choice(["counter", "string"]), index(rng)],
    "DEL": lambda rng: [rng.choice(KEYS)],
    "UNLINK": lambda rng: [rng.choice(KEYS), "absent"],
    "EXISTS": lambda rng: [rng.choice(KEYS), rng.choice(KEYS)],
    "TYPE": lambda rng: [rng.choice(KEYS)],
    "EXPIRE": lambda rng: [rng.choice(KEYS), rng.choice([100, 0, -1])],
    "PEXPIRE": lambda rng: [rng.choice(KEYS), 90_000],
    "PERSIST": lambda rng: [rng.choice(KEYS)],
    "LPUSH": lambda rng: ["list", member(rng), member(rng)],
    "RPUSH": lambda rng: ["list", member(rng)],
    "LLEN": lambda rng: ["list"],
    "LINDEX": lambda rng: ["list", index(rng)],
    "LRANGE": lambda rng: ["list", index(rng), index(rng)],
    "LTRIM": lambda rng: ["list", index(rng), index(rng)],
    "HSET": lambda rng: ["hash", member(rng), member(rng), "x", 1],
    "HGET": lambda rng: ["hash", member(rng)],
    "HMGET": lambda rng: ["hash", member(rng), "x"],
    "HGETALL": lambda rng: ["hash"],
    "HLEN": lambda rng: ["hash"],
    "HDEL": lambda rng: ["hash", member(rng)],
    "HINCRBY": lambda rng: ["hash", rng.choice(["number", "a"]), index(rng)],
    "SADD": lambda rng: ["set", member(rng), member(rng)],
    "SREM": lambda rng: ["set", member(rng)],
    "SMEMBERS": lambda rng: ["set"],
    "ZADD": lambda rng: [
        *("zset", *rng.choice([(), ("NX",), ("XX",), ("GT",), ("LT", "CH")])),
        *(score(rng), member(rng), score(rng), member(rng)),
    ],
    "ZREM": lambda rng: ["zset", member(rng)],
    "ZCARD": lambda rng: ["zset"],
    "ZSCORE": lambda rng: ["zset", member(rng)],
    "ZREVRANK": lambda rng: ["zset", member(rng)],
    "ZRANGE": lambda rng: ["zset", index(rng), index(rng), *rng.choice([(), ("WITHSCORES",), ("REV",)])],
    "ZREVRANGE": lambda rng: ["zset", index(rng), index(rng), "WITHSCORES"],
    "ZREMRANGEBYRANK": lambda rng: ["zset", index(rng), index(rng)],
    "ZREMRANGEBYSCORE": lambda rng: ["zset", rng.choice(["-inf", "0", "1.5"]), score(rng)],
    "XADD": lambda rng: ["stream", f"{rng.randint(1, 60)}-{rng.randint(0, 3)}", "field", member(rng)],
    "XLEN": lambda rng: ["stream"],
    "XRANGE": lambda rng: ["stream", rng.choice(["-", "20", "(20-1"]), rng.choice(["+", "40"]), "COUNT", 5],
    "XTRIM": lambda rng: ["stream", "MINID", rng.randint(1, 40)],
    "XINFO": lambda rng: ["STREAM", "stream"],
    "TTL": lambda rng: [rng.choice(KEYS)],
    "PTTL": lambda rng: [rng.choice(KEYS)],
}


def reply(client: Any, name: str, arguments: Sequence[Any]) -> Any:
    """Return the reply to a command, or the text of its error."""
    try:
        found = client.execute_command(name, *arguments)
    except ResponseError as error:
        return f"error {error}"
    if name == "XINFO":
        fields = dict(zip(found[::2], found[1::2], strict=True))
        return [fields[field] for field in (b"length", b"last-generated-id", b"entries-added")]
    return round(found / (1_000 if name == "PTTL" else 1), -1) if name in {"TTL", "PTTL"} else found


@pytest.mark.parametrize("seed", range(8))
def test_random_commands_have_the_replies_of_a_real_server(seed: int) -> None:
    rng, model = random.Random(seed), make_client(RedisModel(time.time))
    for number in range(COMMANDS_PER_SEED):
        name = rng.choice(sorted(ARGUMENTS))
        arguments = list(ARGUMENTS[name](rng))
        if rng.random() < 0.05 and name != "XINFO":
            arguments[0] = rng.choice(KEYS)
        expected = reply(state_redis(), name, arguments)
        assert reply(model, name, arguments) == expected, (number, name, arguments)


def test_every_command_of_the_model_is_compared() -> None:
    assert set(ARGUMENTS) | OTHERS == set(COMMANDS)


SCRIPTS: Final = {
    "all types of replies": "return {1, 2.9, 'text', false, {ok = 'FINE'}, {1, {2}}, true, nil, 5}",
    "a status": "return redis.call('SET', KEYS[1], ARGV[1])",
    "an absent value": "return {redis.call('GET', 'absent') == false, type(redis.call('HGET', 'absent', 'x'))}",
    "numbers as arguments": "redis.call('SET', KEYS[1], 10) return redis.call('INCRBY', KEYS[1], 2 ^ 31)",
    "a score as text": "redis.call('ZADD', KEYS[1], 1.5, 'a') return redis.call('ZSCORE', KEYS[1], 'a')",
    "an error of a command": "return redis.call('INCR', KEYS[2])",
    "an error that is caught": "return type(redis.pcall('INCR', KEYS[2]).err)",
    "an error that is returned": "return redis.pcall('INCR', KEYS[2])",
    "an error of Lua": "return nil + 1",
    "JSON": "return cjson.decode(ARGV[2])",
    "a shebang": "#!lua flags=allow-oom\nreturn redis.call('GET', KEYS[2])",
}


@pytest.mark.parametrize("source", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts_have_the_replies_of_a_real_server(source: str) -> None:
    replies = []
    for client in (state_redis(), make_client(RedisModel(time.time))):
        client.set("words", "no number")
        try:
            replies.append(Script(source).run(client, keys=["key", "words"], args=["v", '["a", "b"]']))
        except ResponseError as error:
            replies.append(type(error))
    assert replies[0] == replies[1]


def test_scripts_are_lost_with_the_data() -> None:
    model = RedisModel(time.time)
    client = make_client(model)
    pipe = client.pipeline()
    Script("return 1").run(pipe, keys=[], args=[])
    assert pipe.execute() == [1]
    client.set("kept", 1)
    saved = model.copy_data()
    client.set("lost", 1)
    model.restore(saved)
    assert client.mget(["kept", "lost"]) == [b"1", None]
    assert client.script_exists("0" * 40) == state_redis().script_exists("0" * 40) == [False]
    assert model.scripts == {}


def test_values_of_every_type_survive_a_restart_as_they_were_saved() -> None:
    model = RedisModel(time.time)
    client = make_client(model)
    additions = (
        lambda value: client.set("string", value),
        lambda value: client.rpush("list", value),
        lambda value: client.hset("hash", value, value),
        lambda value: client.sadd("set", value),
        lambda value: client.zadd("zset", {value: 1}),
        lambda value: client.xadd("stream", {"field": value}),
    )
    for add in additions:
        add("saved")
    saved = model.copy_data()
    for add in additions:
        add("lost")
    model.restore(saved)
    assert (client.get("string"), client.lrange("list", 0, -1)) == (b"saved", [b"saved"])
    assert client.hgetall("hash") == {b"saved": b"saved"}
    assert (client.smembers("set"), client.zrange("zset", 0, -1)) == ({b"saved"}, [b"saved"])
    assert client.xlen("stream") == 1


def test_the_run_id_is_another_after_a_restart() -> None:
    model = RedisModel(time.time)
    client = make_client(model)
    before = client.info("server")["run_id"]
    assert client.info("server")["run_id"] == before
    model.restore({})
    assert client.info("server")["run_id"] != before
    assert len(before) == len(state_redis().info("server")["run_id"])


def test_keys_expire_on_the_clock_of_the_model() -> None:
    now = [1_000.0]
    client = make_client(RedisModel(lambda: now[0]))
    client.set("short", 1, ex=10)
    assert client.time() == (1_000, 0)
    now[0] += 9.5
    assert (client.get("short"), client.ttl("short")) == (b"1", 1)
    now[0] += 1
    assert client.get("short") is None
    assert list(client.scan_iter()) == []
