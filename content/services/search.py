"""Items by words, as the phone reads them."""

from collections.abc import Iterator

from content import search
from content.services import cards


def search_cards(text: str, *, media_type: str | None = None, limit: int = 20) -> list[bytes]:
    """Cards of the published items that match, best first, each with `"source": "search"`.

    All words must match, the last one may be unfinished; when nothing does, titles that are
    spelt much alike. Anything may be searched for: nothing in `text` is syntax.
    Cost: 1 SQL query (2 when no word matches) and 1 wait; for cards that Redis does not hold,
    what `cards.get_cards` adds.
    """
    ids = search.find(search.split_words(text), media_type=media_type, limit=limit)
    return list(_with_source(cards.get_cards(ids)))


def _with_source(found: list[bytes | None]) -> Iterator[bytes]:
    # A card is a JSON object that is never empty; one that is None was unpublished a moment ago.
    return (b'{"source":"search",' + card[1:] for card in found if card is not None)
