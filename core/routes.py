"""Names of routes, for logs and metrics. Paths are not logged, because they contain uids."""

from typing import Any


def get_route(request: Any) -> str:
    """Return the path template of a request, for example `/api/v1/item/<str:item>`, or "unknown" without a route."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match is not None else "unknown"
