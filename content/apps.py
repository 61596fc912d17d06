from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_delete, post_migrate


class ContentConfig(AppConfig):
    name = "content"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_ensure_search, sender=self, dispatch_uid="content.search")
        post_delete.connect(_drop_card, sender="content.Item", dispatch_uid="content.cards")


def _ensure_search(*, using: str, **_: Any) -> None:
    """SQLite's search structures; what Django drops when it alters a table comes back here."""
    from content.search import sqlite  # noqa: PLC0415  (not before the apps are ready)

    sqlite.ensure_search_tables(connections[using])


def _drop_card(*, instance: Any, **_: Any) -> None:
    from content.services import items  # noqa: PLC0415

    items.queue_card_removal(instance)
