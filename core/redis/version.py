"""The oldest supported Redis. It is checked where a process starts and by readiness, and never by a request."""

import re
from collections.abc import Mapping
from typing import Any, Final

from redis import Redis

MIN_VERSION: Final = (7, 0)
_WAIT_SECONDS: Final = 3.0


class OldRedis(Exception):
    """A Redis server is older than MIN_VERSION. The message is one sentence."""


def check_server(name: str, url: str) -> None:
    """Check the server at the URL in the setting `name`. Cost: a connection and 1 round trip.

    Raises OldRedis, and redis-py's errors if the server does not reply.
    """
    options: dict[str, Any] = {
        "socket_timeout": _WAIT_SECONDS,
        "socket_connect_timeout": _WAIT_SECONDS,
        "retry": None,
        "protocol": 2,  # very old servers do not know the command that selects protocol 3
    }
    with Redis.from_url(url, **options) as client:
        pipe = client.pipeline(transaction=False)
        pipe.ping()  # INFO also works while the server loads its data
        pipe.info("server")
        _, info = pipe.execute()
    if is_old(info):
        raise OldRedis(
            f"The server at {name} is Redis {info['redis_version']}. Finishd needs Redis 7.0 or newer."
        )


def is_old(info: Mapping[str, Any]) -> bool:
    """Return whether INFO names a version older than MIN_VERSION. A server that names none is not old.

    Valkey names the version of Redis that it is compatible with.
    """
    found = re.match(r"(\d+)\.(\d+)", str(info.get("redis_version", "")), re.ASCII)
    return found is not None and (int(found[1]), int(found[2])) < MIN_VERSION
