"""Admin pages of content. Changes of many rows go through `content.services`."""

from content.admin.genres import GenreAdmin
from content.admin.items import ItemAdmin

__all__ = ["GenreAdmin", "ItemAdmin"]
