"""The Celery application; its settings are the CELERY_* names in finishd.settings."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from finishd.lib.memory import keep_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")

app = Celery("finishd", task_cls="finishd.observing:ObservedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def _loaded(**_: Any) -> None:
    keep_loaded()
