"""SQLite, whose writers wait for each other no longer than the request may take."""

import math
from typing import Any

from django.db.backends.sqlite3 import base

from finishd.lib import deadline
from finishd.lib.sql import Guarded


class DatabaseWrapper(Guarded, base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        left = deadline.left_here()
        if left < math.inf:
            params["timeout"] = min(params.get("timeout", 5.0), max(left, 0.0))
        return params
