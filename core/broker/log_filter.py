"""A filter of the log for outages of the broker."""

import logging

from kombu.exceptions import OperationalError as BrokerError

from core.outages import REDIS_UNAVAILABLE, get_redis_outage


class BrokerOutageFilter(logging.Filter):
    """Make one line, without tracebacks, of what Celery and kombu log about an outage of Redis. It names the error."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error and record.name.partition(".")[0] in ("celery", "kombu") and _is_redis_outage(error):
            line = " ".join(record.getMessage().split())
            record.msg, record.args, record.exc_info = f"{line} ({type(error).__name__}: {error})", (), None
        return True


def _is_redis_outage(error: BaseException) -> bool:
    return isinstance(error, (BrokerError, *REDIS_UNAVAILABLE)) or get_redis_outage(error) is not None
