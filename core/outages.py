"""The one table of errors that mean that a dependency is unavailable.

Redis names an error by the first word of its reply, PostgreSQL by an SQLSTATE, SQLite by a result code. Each of these
is an *outage* with a row in the tables below, or a bug of ours without one. The API answers an outage with 503 and
`Retry-After`, and logs it in one line; services and tasks catch it. A bug is a 500 with a traceback.

A dependency that has no rights for us, or rejects our password, is unavailable too: its operator must act, not we.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.db import Error as SqlError
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from redis import exceptions as redis_errors

from core.circuit import OPEN_SECONDS, CircuitOpen


@dataclass(frozen=True, slots=True)
class Outage:
    """The meaning of an error that makes a dependency unavailable. Clients may retry after `retry_after` seconds.

    `is_failure`: it counts for the circuit breaker, because the next call would most likely fail too.
    """

    retry_after: float
    is_failure: bool = False


MOMENT: Final = Outage(1.0)  # over as soon as another call is done
REJECTED: Final = Outage(5.0)  # this call was rejected; others, for example reads, still work
REDIS_GONE: Final = Outage(OPEN_SECONDS, is_failure=True)
POOL_EXHAUSTED: Final = Outage(OPEN_SECONDS)  # our own pool; it says nothing about Redis
SQL_GONE: Final = Outage(5.0, is_failure=True)
BROKER_GONE: Final = Outage(5.0)


class BusyError(redis_errors.ResponseError):
    """BUSY: a script runs for longer than `busy-reply-threshold`."""


class SnapshotError(redis_errors.ResponseError):
    """MISCONF: Redis cannot write to its disk, and therefore rejects writes."""


class ReplicasMissing(redis_errors.ResponseError):
    """NOREPLICAS: fewer replicas than `min-replicas-to-write` are connected."""


class RedisReply(NamedTuple):
    """The exception that our clients raise for an error reply, and its meaning."""

    error: type[redis_errors.RedisError]
    outage: Outage


# The first word of an error reply. All others are bugs: ERR, WRONGTYPE, EXECABORT, and those of a Redis Cluster that
# need a cluster's client (MOVED, ASK, CROSSSLOT).
REDIS_REPLIES: Final[Mapping[str, RedisReply]] = {
    "LOADING": RedisReply(redis_errors.BusyLoadingError, REDIS_GONE),
    "NOAUTH": RedisReply(redis_errors.AuthenticationError, REDIS_GONE),
    "WRONGPASS": RedisReply(redis_errors.AuthenticationError, REDIS_GONE),
    "DENIED": RedisReply(redis_errors.AuthenticationError, REDIS_GONE),  # protected mode
    "BUSY": RedisReply(BusyError, MOMENT),
    # The server restarted after a pipeline had loaded its scripts. `core.redis.script` handles it for single calls.
    "NOSCRIPT": RedisReply(redis_errors.NoScriptError, MOMENT),
    "TRYAGAIN": RedisReply(redis_errors.TryAgainError, MOMENT),
    "CLUSTERDOWN": RedisReply(redis_errors.ClusterDownError, REJECTED),
    "MASTERDOWN": RedisReply(redis_errors.MasterDownError, REJECTED),
    "READONLY": RedisReply(redis_errors.ReadOnlyError, REJECTED),
    "OOM": RedisReply(redis_errors.OutOfMemoryError, REJECTED),
    "MISCONF": RedisReply(SnapshotError, REJECTED),
    "NOREPLICAS": RedisReply(ReplicasMissing, REJECTED),
    "NOPERM": RedisReply(redis_errors.NoPermissionError, REJECTED),
}

# How the reply to a script begins, if its user lacks a permission. It means NOPERM.
SCRIPT_DENIED: Final = "ERR ACL failure in script"

_REDIS_ERRORS: Final[Mapping[type[BaseException], Outage]] = {
    redis_errors.ConnectionError: REDIS_GONE,  # also "max number of clients reached"
    redis_errors.TimeoutError: REDIS_GONE,
    redis_errors.InvalidResponse: REDIS_GONE,  # bytes that are no reply
    redis_errors.MaxConnectionsError: POOL_EXHAUSTED,
    **{reply.error: reply.outage for reply in REDIS_REPLIES.values()},
}

# What services and tasks catch: all outages of Redis. A test compares it with the table. It is written out, because
# mypy accepts `except (Other, *REDIS_UNAVAILABLE)` only with a tuple of known length.
REDIS_UNAVAILABLE: Final = (
    CircuitOpen,
    redis_errors.ConnectionError,  # also LOADING, NOAUTH, WRONGPASS, DENIED
    redis_errors.TimeoutError,
    redis_errors.InvalidResponse,
    BusyError,
    redis_errors.NoScriptError,
    redis_errors.TryAgainError,
    redis_errors.ClusterDownError,  # also MASTERDOWN
    redis_errors.ReadOnlyError,
    redis_errors.OutOfMemoryError,
    SnapshotError,
    ReplicasMissing,
    redis_errors.NoPermissionError,
)

# Redis answers reads and rejects writes: it is a replica, its memory or its disk is full, or replicas are missing.
WRITE_REJECTIONS: Final = (
    redis_errors.ReadOnlyError,
    redis_errors.OutOfMemoryError,
    SnapshotError,
    ReplicasMissing,
)

# SQLSTATEs and prefixes of them. The longest that matches decides. Codes that none matches are bugs.
SQLSTATES: Final[Mapping[str, Outage]] = {
    "08": SQL_GONE,  # connection
    "25006": REJECTED,  # read-only transaction
    "25P03": MOMENT,  # the transaction was idle for too long
    "25P04": MOMENT,  # the transaction took too long
    "28": SQL_GONE,  # wrong user or password
    "40": MOMENT,  # serialization failure, deadlock
    "42501": REJECTED,  # insufficient privilege
    "42703": REJECTED,  # missing column: the migrations of this release did not run yet
    "42P01": REJECTED,  # missing table: the same, or the database is empty
    "53": REJECTED,  # disk full, out of memory, configured limit
    "53300": SQL_GONE,  # too many connections
    "54000": REJECTED,  # also: no transaction ids are left, and writes are rejected
    "55006": MOMENT,  # object in use
    "55P03": MOMENT,  # lock not available
    "57": MOMENT,  # statement timeout, cancelled statement
    "57P": SQL_GONE,  # shutting down, starting, database dropped
    "58": SQL_GONE,  # I/O error
    "72": MOMENT,  # snapshot too old
    "F0": SQL_GONE,  # configuration file, lock file
    "XX": REJECTED,  # corrupted data or index, internal error
}

# Primary result codes of SQLite. Others are bugs.
SQLITE_CODES: Final[Mapping[int, Outage]] = {
    2: REJECTED,  # INTERNAL
    3: REJECTED,  # PERM
    4: MOMENT,  # ABORT
    5: MOMENT,  # BUSY
    6: MOMENT,  # LOCKED
    8: REJECTED,  # READONLY
    9: MOMENT,  # INTERRUPT
    10: SQL_GONE,  # IOERR
    11: REJECTED,  # CORRUPT
    13: REJECTED,  # FULL
    14: SQL_GONE,  # CANTOPEN
    15: MOMENT,  # PROTOCOL
    17: MOMENT,  # SCHEMA
    26: SQL_GONE,  # NOTADB
}

# Errors of a file of ours, for example of an upload: no space, or a quota is used up.
FULL_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

# SQLITE_ERROR is a mistake in a statement, unless its message contains one of these: a missing table or column.
SQLITE_ERROR: Final = 1
SQLITE_MISSING: Final = ("no such table", "no such column", "has no column named")


class SqlUnavailable(OperationalError):
    """An outage of SQL. Clients may retry after `retry_after` seconds. It can be pickled, for Celery.

    All SQL outages are raised as this one, whatever class the driver gives them: PostgreSQL's read-only error is an
    InternalError. The cause is the driver's error, or none if the statement was not sent.
    """

    def __init__(self, message: str, retry_after: float = SQL_GONE.retry_after) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def get_outage(error: BaseException) -> Outage | None:
    """Return what follows from an error of any dependency, or None if it is no outage.

    An exception with `retry_after` is an outage: CircuitOpen, DeadlinePassed, SqlUnavailable, or an app's own.
    """
    retry_after: Any = getattr(error, "retry_after", None)
    if isinstance(retry_after, int | float):
        return Outage(retry_after)
    if isinstance(error, SqlError):
        return get_sql_outage(error)
    if isinstance(error, BrokerError):
        return BROKER_GONE
    if is_disk_full(error):
        return REJECTED
    return get_redis_outage(error)


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error of a file means that its disk is full."""
    return isinstance(error, OSError) and error.errno in FULL_DISK


def get_redis_outage(error: BaseException) -> Outage | None:
    """Return what follows from an error of redis-py, or None if it is no outage. The closest class decides.

    A client without our parser, such as the broker's, raises some replies as ResponseError with the whole reply.
    """
    if type(error) is redis_errors.ResponseError:
        reply = REDIS_REPLIES.get(str(error).partition(" ")[0])
        return reply.outage if reply else None
    return next((_REDIS_ERRORS[kind] for kind in type(error).__mro__ if kind in _REDIS_ERRORS), None)


def get_sql_outage(error: BaseException) -> Outage | None:
    """Return what follows from an error of SQL, or None if it is no outage. The driver's error may be its cause.

    An error without a code is a missing reply if its class is that of connection errors.
    """
    driver_error = error.__cause__ or error
    if sqlstate := getattr(driver_error, "sqlstate", None):
        prefixes = (sqlstate[:length] for length in range(len(sqlstate), 0, -1))
        return next((SQLSTATES[prefix] for prefix in prefixes if prefix in SQLSTATES), None)
    code = getattr(driver_error, "sqlite_errorcode", None)
    if code == SQLITE_ERROR:
        return REJECTED if any(words in str(driver_error) for words in SQLITE_MISSING) else None
    if code is not None:
        return SQLITE_CODES.get(code & 0xFF)
    return SQL_GONE if isinstance(error, OperationalError | InterfaceError) else None
