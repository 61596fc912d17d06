"""The Celery application; its settings are the CELERY_* names in finishd.settings."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")

app = Celery("finishd", task_cls="finishd.observing:ObservedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
