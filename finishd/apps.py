from django.apps import AppConfig


class FinishdConfig(AppConfig):
    name = "finishd"
    verbose_name = "Finishd"

    def ready(self) -> None:
        from finishd import checks, metering, observing  # noqa: F401, PLC0415  (checks registers the system checks)

        metering.connect()
        observing.connect()  # last: what others log when an answer is out still has its id
