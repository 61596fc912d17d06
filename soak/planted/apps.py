"""The app that plants a bug."""

import os

from django.apps import AppConfig


class PlantedConfig(AppConfig):
    name = "soak.planted"
    label = "soak_planted"

    def ready(self) -> None:
        from soak.planted.bugs import plant  # noqa: PLC0415  (imports models)

        plant(os.environ["SOAK_BUG"])
