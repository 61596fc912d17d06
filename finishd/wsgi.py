"""Django as a WSGI application. Production serves it behind the front (`finishd.asgi`)."""

import os
import sys
from importlib import import_module

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from core.memory import freeze_loaded_objects
from core.sql.sqlite3.kept_files import keep_log_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")

try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    if settings.configured:  # the error is in the code, not in the settings
        raise
    sys.exit(f"finishd: {error}")
# Import the views now. Otherwise the first request would import them, which takes 300 ms.
import_module(settings.ROOT_URLCONF)
keep_log_files()
freeze_loaded_objects()
