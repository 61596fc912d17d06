from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OperationsConfig(AppConfig):
    name = "finishd.operations"
    label = "operations"
    verbose_name = "Operations"

    def ready(self) -> None:
        # Each app declares its Redis keys and its metrics.
        autodiscover_modules("keys", "metrics")
        import core.auth.keystore  # noqa: PLC0415
        import core.throttling.keys  # noqa: F401, PLC0415
        from core.observability import signals  # noqa: PLC0415  (needs the apps)
        from finishd.operations import checks, metering  # noqa: F401, PLC0415  (registers the system checks)

        metering.connect_signals()
        signals.connect_signals()  # last, so that the log lines of other handlers still have the request id
