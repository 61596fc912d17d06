"""Search for items by words."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Q

from content import search
from content.models import Item
from content.search import Scope
from content.services import cards

MAX_TEXT_LENGTH: Final = 100  # characters
MAX_TMDB_ID: Final = 2**31 - 1


def search_cards(
    text: str, *, media_type: str | None = None, limit: int = 20, scope: Scope = "titles"
) -> list[bytes]:
    """Return the cards of matching published items, best match first, with `"source": "search"`.

    With the scope `titles`, the item of a title is a trailer that phones can show, if it has one; with `items`, all
    items are found. An item must match all words. The last word may be a prefix. If no item matches, items with a
    similar title are returned. `text` has no syntax.
    Cost: 1 SQL query (2 if no item matches) and 1 round trip, and the cost of cards that are not cached
    (see `cards.get_cards`).
    """
    ids = search.find_ids(search.Query(text, scope, media_type), limit=limit)
    return list(_with_source(cards.get_cards(ids)))


def find_for_staff(text: str, *, limit: int) -> list[str]:
    """Return the ids of matching items with any status, best match first.

    An item with the text as its id, and the items with it as their TMDB id, come first. Cost: 2 or 3 SQL queries.
    """
    given = text.strip()[:MAX_TEXT_LENGTH]
    exact = Q(id=given)
    if given.isascii() and given.isdecimal() and len(given) <= 10 and int(given) <= MAX_TMDB_ID:
        exact |= Q(tmdb_id=int(given))
    ids = Item.objects.filter(exact).order_by("id").values_list("id", flat=True)[:limit]
    found = search.find_ids(search.Query(given, "catalogue"), limit=limit)
    return list(dict.fromkeys([*ids, *found]))[:limit]


def _with_source(found: list[bytes | None]) -> Iterator[bytes]:
    # A card is a JSON object with at least one key. It is None if the item has just been unpublished.
    return (b'{"source":"search",' + card[1:] for card in found if card is not None)
