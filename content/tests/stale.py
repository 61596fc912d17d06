"""Stale cards, and the cards that readers get meanwhile."""

from typing import Any

import orjson
from django.db.models import F

from content.models import Item
from content.services import cards


def change_without_card(item_id: str, **columns: Any) -> None:
    """Change an item like a process that dies after the commit, before it writes the card."""
    Item.objects.filter(id=item_id).update(**columns, version=F("version") + 1)


def get_stale_ids() -> set[str]:
    return set(Item.objects.filter(card_version__lt=F("version")).values_list("id", flat=True))


def get_titles_on_cards(*ids: str) -> list[str | None]:
    return [None if card is None else orjson.loads(card)["title"] for card in cards.get_cards(ids)]
