from django.apps import AppConfig


class FinishdConfig(AppConfig):
    name = "finishd"
    verbose_name = "Finishd"

    def ready(self) -> None:
        from finishd import checks  # noqa: F401, PLC0415  (registers the system checks)
