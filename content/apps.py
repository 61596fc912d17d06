from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_delete, post_migrate

from content.signals import item_saved


class ContentConfig(AppConfig):
    name = "content"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_ensure_search_tables, sender=self, dispatch_uid="content.search")
        item_saved.connect(_queue_card_update, dispatch_uid="content.card_updates")
        post_delete.connect(_queue_card_removal, sender="content.Item", dispatch_uid="content.card_removal")


# Models can be imported only after Django has loaded all apps, so the imports are local.


def _ensure_search_tables(*, using: str, **_: Any) -> None:
    """Create SQLite's search tables and triggers again: Django drops the triggers when it alters a table."""
    from content.search import sqlite  # noqa: PLC0415

    sqlite.ensure_search_tables(connections[using])


def _queue_card_update(*, item_id: str, title_keys: list[str], **_: Any) -> None:
    from content.services import items  # noqa: PLC0415

    items.queue_card_updates([item_id], title_keys=title_keys)


def _queue_card_removal(*, instance: Any, **_: Any) -> None:
    from content.services import items  # noqa: PLC0415

    items.queue_card_removal(instance)
