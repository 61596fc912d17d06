"""Rewriting Redis's append-only file, which contains deleted data until it is rewritten."""

import logging
from collections.abc import Iterable

from redis.client import Redis
from redis.exceptions import RedisError

from core.circuit import CircuitOpen

logger = logging.getLogger(__name__)


def rewrite_append_only_files(clients: Iterable[Redis]) -> bool:
    """Start a rewrite of the append-only file of each server that has one. Return False if one is running already.

    A running rewrite may have begun before the last deletion, so the caller tries again later. An error, for example
    of a managed server that forbids the command, is logged. Cost: 2 round trips for each client.
    """
    run_ids: set[str] = set()
    is_started = True
    for client in clients:
        try:
            info = client.info()
            if info["run_id"] in run_ids or not info["aof_enabled"]:
                continue
            run_ids.add(info["run_id"])
            if info["aof_rewrite_in_progress"]:
                is_started = False
            else:
                client.bgrewriteaof()
        except (RedisError, CircuitOpen) as reason:
            logger.warning("redis: the append-only file was not rewritten: %s", reason)
    return is_started
