"""SQLite. A writer waits for another one until the request's deadline at most."""

import math
from typing import Any

from django.db.backends.sqlite3 import base

from core import deadlines
from core.sql.circuit_breaker import CircuitBreakerMixin


class DatabaseWrapper(CircuitBreakerMixin, base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        left = deadlines.remaining_optional()
        if left < math.inf:
            params["timeout"] = min(params.get("timeout", 5.0), max(left, 0.0))
        return params
