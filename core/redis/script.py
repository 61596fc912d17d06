"""Lua scripts. A script runs atomically on the server, in one round trip."""

from collections.abc import Sequence
from typing import Any, cast

from redis.client import Pipeline, Redis
from redis.commands.core import Script as RedisScript
from redis.exceptions import NoScriptError


class Script(RedisScript):
    """A Lua script, declared once beside the function that calls it."""

    def __init__(self, source: str) -> None:
        super().__init__(cast(Any, None), source.encode())
        self._source = source

    def run(self, client: Redis, *, keys: list[str], args: list[Any]) -> Any:
        """Run the script, or queue it if `client` is a pipeline.

        Cost: 1 round trip, and 1 more if the server does not have the script yet. A pipeline with scripts costs 1
        round trip more (SCRIPT EXISTS), and another once per server (SCRIPT LOAD, not counted).
        """
        if isinstance(client, Pipeline):
            return self(keys=keys, args=args, client=client)
        try:
            return client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self._source, len(keys), *keys, *args)

    def run_many(
        self,
        client: Redis,
        calls: Sequence[tuple[Sequence[str], Sequence[Any]]],
        *,
        raise_on_error: bool = True,
    ) -> list[Any]:
        """Run the script once for each (keys, args). The calls need not share a hash slot.

        Cost: 1 round trip, and 1 more for each call if the server does not have the script yet. Raises the first
        error, or with `raise_on_error` False returns errors among the replies, as a pipeline does.
        """
        pipe = client.pipeline(transaction=False)
        for keys, args in calls:
            pipe.evalsha(self.sha, len(keys), *keys, *args)
        replies = pipe.execute(raise_on_error=False)
        for index, (keys, args) in enumerate(calls):
            if isinstance(replies[index], NoScriptError):
                replies[index] = client.eval(self._source, len(keys), *keys, *args)
            elif raise_on_error and isinstance(replies[index], Exception):
                raise replies[index]
        return replies
