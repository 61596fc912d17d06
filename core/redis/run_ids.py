"""The run id of each Redis server that this process is connected to.

A Redis server draws its run id when it starts. A server that was restarted and a replica that was promoted have another
one, and may lack the last writes of their predecessor. So a copy of people's data carries the stamp of the server that
it was written to, and a reader takes a copy with another stamp for absent. This needs no clock, no message between
processes and no time: every connection asks for the run id before its first command.
"""

import logging
from typing import Any, Final

from redis.client import Redis
from redis.exceptions import NoPermissionError, ResponseError

logger = logging.getLogger(__name__)

STAMP_DIGITS: Final = 8
# The stamp of a server that is not connected yet or does not give its run id. Such a server's copies never expire.
UNKNOWN_STAMP: Final = "0" * STAMP_DIGITS
_ADDRESS: Final = ("host", "port", "path")

_stamps: dict[tuple[Any, ...], str] = {}


def remember_run_id(connection: Any) -> None:
    """Finish a new connection and ask for the server's run id. redis-py calls this. Cost: 1 round trip.

    A server that forbids INFO has no stamp, which a warning reports.
    """
    connection.on_connect()
    connection.send_command("INFO", "server")
    try:
        info = connection.read_response(disable_decoding=True)
    except ResponseError as error:
        if not isinstance(error, NoPermissionError) and "unknown command" not in str(error):
            raise
        logger.warning("redis: INFO is rejected, so a restart or failover goes unnoticed: %s", error)
        info = b""
    address = tuple(getattr(connection, name, None) for name in _ADDRESS)
    _set_stamp(address, parse_run_id(info)[:STAMP_DIGITS] or UNKNOWN_STAMP)


def parse_run_id(info: bytes) -> str:
    """Return the run id in the reply to INFO, empty if it has none."""
    lines = (line.partition(b":") for line in info.splitlines())
    return next((value.decode() for name, _, value in lines if name == b"run_id"), "")


def get_stamp(client: Redis) -> str:
    """Return eight hex digits of the run id of the client's server, UNKNOWN_STAMP before the first connection."""
    options = client.connection_pool.connection_kwargs
    return _stamps.get(tuple(options.get(name) for name in _ADDRESS), UNKNOWN_STAMP)


def _set_stamp(address: tuple[Any, ...], stamp: str) -> None:
    before = _stamps.get(address)
    _stamps[address] = stamp
    if before not in {None, stamp}:
        logger.warning(
            "redis: restart or failover: connected to run id %s instead of %s; people's data is loaded again",
            stamp,
            before,
        )
