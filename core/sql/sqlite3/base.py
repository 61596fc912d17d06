"""SQLite. Within a request, a writer waits for another one for a part of the remaining time only."""

from typing import Any

from django.db.backends.sqlite3 import base

from core.sql.circuit_breaker import CircuitBreakerMixin
from core.sql.locks import get_lock_timeout


class DatabaseWrapper(CircuitBreakerMixin, base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        params["timeout"] = min(params.get("timeout", 5.0), get_lock_timeout())
        return params
