"""Signals of the catalogue. `content.apps` connects them to `content.services.items`."""

from django.dispatch import Signal

# Sent by `Item.save()` inside its transaction, with `item_id: str` and `title_keys: list[str]`,
# the keys of the titles that the item belonged to before and after the save.
item_saved = Signal()
