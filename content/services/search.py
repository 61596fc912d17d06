"""Search for items by words."""

from collections.abc import Iterator

from content import search
from content.services import cards


def search_cards(text: str, *, media_type: str | None = None, limit: int = 20) -> list[bytes]:
    """Return the cards of matching published items, best match first, with `"source": "search"`.

    An item must match all words. The last word may be a prefix. If no item matches, items with a similar
    title are returned. `text` has no syntax: punctuation only separates words.
    Cost: 1 SQL query (2 if no item matches) and 1 round trip, and the cost of cards that are not cached
    (see `cards.get_cards`).
    """
    ids = search.find_ids(search.split_words(text), media_type=media_type, limit=limit)
    return list(_with_source(cards.get_cards(ids)))


def _with_source(found: list[bytes | None]) -> Iterator[bytes]:
    # A card is a JSON object with at least one key. It is None if the item has just been unpublished.
    return (b'{"source":"search",' + card[1:] for card in found if card is not None)
