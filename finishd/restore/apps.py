from django.apps import AppConfig


class RestoreConfig(AppConfig):
    name = "finishd.restore"
    label = "restore"
