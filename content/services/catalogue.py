"""The published catalogue in batches, for index rebuilds."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from content import card_format
from content.models import Item, ItemGenre
from content.types import Facts
from core.sql.json_rows import in_values

BATCH_SIZE = 2000


def iterate_published_facts(*, batch_size: int = BATCH_SIZE) -> Iterator[list[Facts]]:
    """Yield the facts of all published items that are not hidden, in batches ordered by id.

    Every batch is a query of its own, so that no transaction is open while the caller works.
    Cost: 2 SQL queries per batch; one batch in memory.
    """
    last = ""
    items = Item.objects.filter(status=Item.Status.PUBLISHED, hidden=False).order_by("id")
    columns = items.values_list(*card_format.FACTS_COLUMNS)
    while page := list(columns.filter(id__gt=last)[:batch_size]):
        slugs = _get_slugs([row[0] for row in page])
        yield [card_format.make_facts_from_row(row, slugs.get(row[0], ())) for row in page]
        last = page[-1][0]


def _get_slugs(ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the slugs of each item's genres, the primary genre first."""
    slugs: dict[str, list[str]] = defaultdict(list)
    links = ItemGenre.objects.filter(item__in=in_values(ids)).order_by("position")
    for item_id, slug in links.values_list("item_id", "genre__slug"):
        slugs[item_id].append(slug)
    return slugs
