"""The events that this process acknowledged lately, to notice and count those that Redis loses.

Redis may lose its last writes with a restart or a failover (docs/decisions/0032). A process that appends events learns
on which server it did, and where the stream ended when that server took over. What it acknowledged before, beyond that
end, is lost. Counting costs no round trip. A process that dies together with Redis counts nothing.
"""

import logging
from collections import defaultdict, deque
from typing import Final

from analytics import metrics
from analytics.stream import Server
from analytics.types import parse_entry_id

logger = logging.getLogger(__name__)

MAX_REQUESTS: Final = 5_000  # of each shard: more than a minute of events in a busy process

_requests: dict[int, deque[tuple[tuple[int, int], int]]] = defaultdict(lambda: deque(maxlen=MAX_REQUESTS))
_servers: dict[int, Server] = {}


def remember(shard: int, last_id: str, events: int, server: Server | None) -> None:
    """Remember the events of a request. If the stream is on another server now, count and log those that were lost.

    `last_id` is the id of the request's last entry. The number is an upper bound: events that a reader read just before
    the loss are counted, although the stream no longer has them.
    """
    if server is None:
        return
    before = _servers.get(shard)
    if before not in {None, server}:
        _count_lost(shard, server)
    _servers[shard] = server
    _requests[shard].append((parse_entry_id(last_id), events))


def _count_lost(shard: int, server: Server) -> None:
    end = parse_entry_id(server.last_id)
    lost = sum(events for last_id, events in _requests[shard] if last_id > end)
    _requests[shard].clear()
    if lost:
        metrics.EVENTS_LOST.inc(lost)
        logger.warning(
            "shard %s: restart or failover of Redis: the stream lost %s events that this process acknowledged",
            shard,
            lost,
        )
