from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

# Modules that declare Redis keys or system checks when they are imported.
DECLARING_MODULES = (
    "core.auth.keystore",
    "core.throttling.keys",
    "core.redis.heartbeat",
    "finishd.operations.checks",
)


class OperationsConfig(AppConfig):
    name = "finishd.operations"
    label = "operations"
    verbose_name = "Operations"

    def ready(self) -> None:
        autodiscover_modules("keys", "metrics")  # of each app
        for module in DECLARING_MODULES:
            import_module(module)
        # These import models of Django, which needs the apps.
        from core.observability import signals  # noqa: PLC0415
        from finishd.operations import metering  # noqa: PLC0415

        metering.connect_signals()
        signals.connect_signals()  # last, so that the log lines of other handlers still have the request id
