"""The ASGI entry point that granian serves: the front, and Django behind it."""

from typing import Final

from django.conf import settings

from core.front import Front
from finishd import request_classes
from finishd.wsgi import application as django_application

MAX_BODIES_BYTES: Final = 128 * 1024 * 1024  # of all incomplete and waiting requests of a process

application = Front(
    django_application,
    lanes=request_classes.LANES,
    classify=request_classes.classify,
    live_paths=request_classes.LIVE_PATHS,
    max_bodies=max(MAX_BODIES_BYTES, 2 * settings.STAFF_BODY_MB * 1024 * 1024),
)
