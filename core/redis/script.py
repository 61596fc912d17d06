"""Lua scripts: one atomic step on the server for one round trip."""

from collections.abc import Sequence
from typing import Any, cast

from redis.client import Pipeline, Redis
from redis.commands.core import Script as RedisScript
from redis.exceptions import NoScriptError


class Script(RedisScript):
    """A Lua script, written once beside the function that calls it. Running it is one wait (EVALSHA).

    A server that does not know it yet costs one wait more, once. In a pipeline it is one wait more
    (SCRIPT EXISTS), and once per server another (SCRIPT LOAD, not counted).
    """

    def __init__(self, source: str) -> None:
        super().__init__(cast(Any, None), source.encode())
        self._source = source

    def run(self, client: Redis, *, keys: list[str], args: list[Any]) -> Any:
        if isinstance(client, Pipeline):
            return self(keys=keys, args=args, client=client)
        try:
            return client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self._source, len(keys), *keys, *args)

    def run_many(self, client: Redis, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """Run it once for each (keys, args), whose keys need not share a hash slot: one wait for all of them.

        A server that does not know the script costs one wait more for each, once. Raises the first error.
        """
        pipe = client.pipeline(transaction=False)
        for keys, args in calls:
            pipe.evalsha(self.sha, len(keys), *keys, *args)
        answers = pipe.execute(raise_on_error=False)
        for place, (keys, args) in enumerate(calls):
            if isinstance(answers[place], NoScriptError):
                answers[place] = client.eval(self._source, len(keys), *keys, *args)
            elif isinstance(answers[place], Exception):
                raise answers[place]
        return answers
