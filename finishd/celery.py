"""The Celery application. Its settings are the CELERY_* names in finishd.settings.

Requests send messages over connections with a short timeout, behind a circuit breaker. The work that a message asks
for is already stored as a job or a row, so an unavailable broker delays the work and not the request. Workers, beat
and commands use Celery's own connections, which wait longer and retry.
"""

import logging
import math
import os
import sys
from functools import cached_property
from typing import Any, Final

from celery import Celery
from celery.signals import worker_init, worker_process_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from kombu import pools
from kombu.exceptions import LimitExceeded, OperationalError
from redis.exceptions import RedisError

from core import deadlines
from core.broker import transport
from core.circuit import CircuitBreaker, CircuitOpen, register_circuit_breaker
from core.memory import freeze_loaded_objects
from core.redis.version import OldRedis, check_server

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")

logger = logging.getLogger(__name__)

_POOL_WAIT_SECONDS: Final = 0.1  # for a connection that another thread uses

_breaker = register_circuit_breaker(CircuitBreaker("broker", failure_types=(OperationalError,)))


class App(Celery):
    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Send a task as Celery does. Within a request, do not retry.

        Within a request it raises kombu's OperationalError after about REDIS_TIMEOUT if the broker is unavailable,
        and at once while the circuit breaker is open.
        """
        if deadlines.remaining() == math.inf or "producer" in options:
            return super().send_task(name, *args, **options)
        try:
            with (
                self._request_producers.acquire(block=True, timeout=_POOL_WAIT_SECONDS) as producer,
                _breaker.protect(),
            ):
                options |= {"producer": producer, "retry": False}
                return super().send_task(name, *args, **options)
        except (CircuitOpen, LimitExceeded, RedisError) as reason:
            raise OperationalError(str(reason)) from reason

    @cached_property
    def _request_producers(self) -> Any:
        """Producers with the timeout that requests have for Redis, and without retries."""
        seconds: float = settings.REDIS_TIMEOUT
        options = {"socket_timeout": seconds, "socket_connect_timeout": seconds, "max_retries": 0}
        return pools.producers[self.connection_for_write(transport_options=options)]


transport.register()

app = App("finishd", task_cls="core.observability.tasks:ObservedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect
def _check_settings(**_: Any) -> None:
    """End a worker or beat with one sentence if the settings are wrong."""
    try:
        settings.INSTALLED_APPS  # noqa: B018  (any setting loads all)
    except ImproperlyConfigured as error:
        sys.exit(f"finishd: {error}")


@worker_init.connect
def _check_redis_versions(**_: Any) -> None:
    """End a worker with one sentence if a Redis server is too old. A server that does not reply may come back."""
    names = ("REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL")
    for url, name in {getattr(settings, name): name for name in reversed(names)}.items():
        try:
            check_server(name, url)
        except OldRedis as error:
            sys.exit(f"finishd: {error}")
        except RedisError as error:
            logger.warning("the version of %s is unknown: %s", name, error)


@worker_process_init.connect
def _freeze_objects(**_: Any) -> None:
    freeze_loaded_objects()
