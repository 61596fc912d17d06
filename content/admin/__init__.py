"""Staff's shells over content's services."""

from content.admin.genres import GenreAdmin
from content.admin.items import ItemAdmin

__all__ = ["GenreAdmin", "ItemAdmin"]
