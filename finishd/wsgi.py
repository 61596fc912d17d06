"""The WSGI entry point that granian serves."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from core.memory import freeze_loaded_objects

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")

application = get_wsgi_application()
# Import the views now. Otherwise the first request would import them, which takes 300 ms.
import_module(settings.ROOT_URLCONF)
freeze_loaded_objects()
