from typing import Any

from celery.signals import beat_init
from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "finishd.recovery"
    label = "recovery"
    verbose_name = "Recovery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        beat_init.connect(_start_detector, dispatch_uid="recovery", weak=False)


def _start_detector(**_: Any) -> None:
    from finishd.recovery import detector  # noqa: PLC0415  (it imports models)

    detector.start_thread()
