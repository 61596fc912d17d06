"""Access to metrics and to the details of readiness: for staff, and with METRICS_TOKEN."""

import hmac

from django.conf import settings
from django.http import HttpRequest


def is_allowed(request: HttpRequest) -> bool:
    """Return whether the request has METRICS_TOKEN as bearer token, or is by staff. Cost: 2 SQL with a session."""
    return _has_token(request) or _is_staff(request)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    expected: str = settings.METRICS_TOKEN
    same = hmac.compare_digest(token.strip().encode(), expected.encode())
    return bool(expected) and scheme.lower() == "bearer" and same


def _is_staff(request: HttpRequest) -> bool:
    user = request.user
    return user.is_active and bool(getattr(user, "is_staff", False))
