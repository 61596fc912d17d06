"""The WSGI entry point that granian serves."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")

application = get_wsgi_application()
# Views are else imported by the first request, which would spend its 300 ms on that.
import_module(settings.ROOT_URLCONF)
# What is loaded by now stays for good: a full collection would else walk all of it, while a request waits.
gc.collect()
gc.freeze()
