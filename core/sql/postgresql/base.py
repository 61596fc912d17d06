"""PostgreSQL by psycopg and its pool: a request waits for a connection, a lock and an answer within its deadline.

The server is told the deadline, so that it gives up with an error of its own and nothing of a request outlives it
there; should it say nothing at all, the connection is dropped.
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

# First a lock is given up, then a statement, then the server; shares of what the request has left. A lock's is small:
# a table that somebody holds must not hold all threads of a web process, too.
_LOCK: Final = 1 / 6
_STATEMENT: Final = 0.9
_CONNECTION_WAIT: Final = 0.5  # seconds that a request waits for a connection
_LIMITS: Final = "SET lock_timeout = {}; SET statement_timeout = {}"


class Connection(psycopg.Connection[Any]):
    """`limited`: the server has been told a deadline."""

    limited = False

    def wait(self, gen: Generator[Any, Any, Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        left = deadlines.remaining_optional()
        if left == math.inf:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(left, 0.0) + deadlines.GRACE_SECONDS)
        except _WaitTimeout as reason:
            self.pgconn.finish()  # nobody knows any more what comes next on it
            raise psycopg.OperationalError("no answer before the request's deadline") from reason

    def limit(self) -> None:
        """Tell the server how long the work at hand may take; that it answers shows that it is there."""
        left = deadlines.remaining_optional()
        if left < math.inf:
            lock, statement = (max(int(1_000 * left * share), 1) for share in (_LOCK, _STATEMENT))
            self.execute(_LIMITS.format(lock, statement))
            self.limited = True
        elif self.limited:
            self.execute(_LIMITS.format(0, 0))
            self.limited = False
        else:
            self.execute("")


class DatabaseWrapper(CircuitBreakerMixin, base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """One from the pool. Those that broke while they lay there are passed over."""
        pool: ConnectionPool[Connection] | None = self.pool
        if pool is None:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        pool.open()
        for _ in range(pool.max_size):
            left = deadlines.remaining_optional()
            connection = pool.getconn(None if left == math.inf else min(_CONNECTION_WAIT, left))
            try:
                connection.limit()
            except psycopg.OperationalError:
                pool.putconn(connection)
            else:
                return connection
        raise psycopg.OperationalError("no connection of the pool is good")
