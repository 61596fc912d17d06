"""Django's session, authentication and message middleware, for pages that people open in a browser.

API requests skip them: a token identifies the caller, and the API uses no session.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin


class _SkipApiMixin(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith(settings.API_PATH_PREFIXES):
            return self.get_response(request)
        return super().__call__(request)


class PageSessionMiddleware(_SkipApiMixin, SessionMiddleware):
    pass


class PageAuthenticationMiddleware(_SkipApiMixin, AuthenticationMiddleware):
    pass


class PageMessageMiddleware(_SkipApiMixin, MessageMiddleware):
    pass
