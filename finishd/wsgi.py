"""The WSGI entry point that granian serves."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from core.memory import freeze_loaded_objects

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")

application = get_wsgi_application()
# Views are else imported by the first request, which would spend its 300 ms on that.
import_module(settings.ROOT_URLCONF)
freeze_loaded_objects()
