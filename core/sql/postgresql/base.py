"""PostgreSQL with psycopg and its pool: connection, lock and statement timeouts follow the request's deadline.

The server is told the timeouts, so that a statement ends there with an error of its own and does not outlive its
request. If the server does not answer at all, the connection is closed.
"""

import math
from collections.abc import Generator
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from psycopg.errors import _WaitTimeout
from psycopg_pool import ConnectionPool

from core import deadlines
from core.sql.circuit_breaker import CircuitBreakerMixin
from core.sql.locks import get_lock_timeout

_STATEMENT_TIMEOUT_SHARE: Final = 0.9  # of the request's remaining time
_POOL_WAIT_SECONDS: Final = 0.5
_SET_TIMEOUTS: Final = "SET lock_timeout = {}; SET statement_timeout = {}"


class Connection(psycopg.Connection[Any]):
    """A connection of the pool. `has_timeouts`: the server applies the timeouts of a deadline to it."""

    has_timeouts = False

    def wait(self, gen: Generator[Any, Any, Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        left = deadlines.remaining_optional()
        if left == math.inf:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(left, 0.0) + deadlines.GRACE_SECONDS)
        except _WaitTimeout as reason:
            self.pgconn.finish()  # the pending reply makes the connection unusable
            raise psycopg.OperationalError("timeout: no answer before the request's deadline") from reason

    def set_server_timeouts(self) -> None:
        """Set or clear the server's timeouts for the current deadline. Also checks that the connection works.

        Cost: 1 round trip.
        """
        left = deadlines.remaining_optional()
        if left < math.inf:
            seconds = (get_lock_timeout(), left * _STATEMENT_TIMEOUT_SHARE)
            lock, statement = (max(int(1_000 * each), 1) for each in seconds)
            self.execute(_SET_TIMEOUTS.format(lock, statement))
            self.has_timeouts = True
        elif self.has_timeouts:
            self.execute(_SET_TIMEOUTS.format(0, 0))
            self.has_timeouts = False
        else:
            self.execute("")


class DatabaseWrapper(CircuitBreakerMixin, base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a working connection from the pool. Broken ones are returned to it, and it replaces them."""
        pool: ConnectionPool[Connection] | None = self.pool
        if pool is None:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        pool.open()
        for _ in range(pool.max_size):
            left = deadlines.remaining_optional()
            connection = pool.getconn(None if left == math.inf else min(_POOL_WAIT_SECONDS, left))
            try:
                connection.set_server_timeouts()
            except psycopg.OperationalError:
                pool.putconn(connection)
            else:
                return connection
        raise psycopg.OperationalError("no connection of the pool works")
