"""DRF's authentication class, `request.user`, and the security scheme in OpenAPI."""

import time
from typing import Any, cast

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core import log_context
from core.auth import keystore, token_cache
from core.auth.tokens import InvalidToken, Viewer

SCHEME = "Bearer"


class FirebaseAuthentication(BaseAuthentication):
    """Authenticates `Authorization: Bearer <Firebase ID token>`. A request without one stays unauthenticated.

    `request.user` becomes a `Viewer`. With cached keys it makes no call to the network, Redis or SQL.
    """

    def authenticate(self, request: Request) -> tuple[Viewer, None] | None:
        """Raises AuthenticationFailed for an invalid token, KeysUnavailable when it cannot be verified."""
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        try:
            viewer = token_cache.verify(
                token.strip(),
                project=settings.FIREBASE_PROJECT_ID,
                find_key=keystore.get_key_finder(),
                now=time.time(),
            )
        except InvalidToken as error:
            raise AuthenticationFailed(error.reason, code=error.code) from error
        log_context.bind_viewer(viewer.uid)
        return viewer, None

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


def get_viewer(request: Request) -> Viewer:
    """Return the viewer of an authenticated request."""
    return cast("Viewer", request.user)


class FirebaseScheme(OpenApiAuthenticationExtension):
    target_class = "core.auth.drf.FirebaseAuthentication"
    name = "firebase"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A Firebase ID token. In development, `manage.py token UID` prints one.",
        }
