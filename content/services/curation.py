"""Staff's changes of genres (review, rename, merge), and the numbers of the dashboard."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Least

from content.models import Genre, GenreAlias, GenreTmdbId, Item, ItemGenre
from content.services import cards
from core.outages import REDIS_UNAVAILABLE
from core.sql.after_commit import run_after_commit

logger = logging.getLogger(__name__)

MAX_CARDS_WHILE_WAITING = 2_000  # written while staff wait for the response; the sweep writes the rest


@dataclass(frozen=True, slots=True)
class Overview:
    """Numbers of items by status, of stale cards, and of genres that need review."""

    published: int
    draft: int
    archived: int
    stale_cards: int
    unreviewed_genres: int


def get_overview() -> Overview:
    """Return the numbers of the catalogue for the dashboard. Cost: 3 SQL queries."""
    numbers = dict(Item.objects.order_by().values_list("status").annotate(number=Count("id")))
    return Overview(
        published=numbers.get("published", 0),
        draft=numbers.get("draft", 0),
        archived=numbers.get("archived", 0),
        stale_cards=cards.count_stale_cards(),
        unreviewed_genres=Genre.objects.filter(reviewed=False).count(),
    )


def mark_reviewed(genre_ids: Sequence[int]) -> int:
    """Remove genres from the review queue and return the number that were in it. Cost: 1 SQL query."""
    return Genre.objects.filter(pk__in=genre_ids, reviewed=False).update(reviewed=True)


def merge(genre_ids: Sequence[int], *, into: int, now: datetime) -> int:
    """Move the items, spellings and TMDB ids of these genres to the genre `into`, and delete the genres.

    Return the number of items that changed. An item with several of these genres keeps the best position.
    `genre_ids` may contain `into`, which is then ignored. Raises Genre.DoesNotExist for an unknown `into`.
    Cost: 8 SQL queries per genre, and the cost of writing the cards.
    """
    changed: set[str] = set()
    with transaction.atomic():
        target = Genre.objects.select_for_update().get(pk=into)
        for genre in Genre.objects.select_for_update().filter(pk__in=genre_ids).exclude(pk=into):
            changed.update(ItemGenre.objects.filter(genre=genre).values_list("item_id", flat=True))
            _move_items(genre, target)
            GenreAlias.objects.filter(genre=genre).update(genre=target)
            GenreTmdbId.objects.filter(genre=genre).update(genre=target)
            genre.delete()
        ids = sorted(changed)
        for start in range(0, len(ids), cards.BATCH_SIZE):
            _make_cards_stale(Item.objects.filter(id__in=ids[start : start + cards.BATCH_SIZE]), now=now)
    return len(changed)


def queue_cards_of_genre(genre: Genre, *, now: datetime) -> None:
    """Write the cards of a renamed genre's items after the commit, because cards contain the name.

    Call this in the transaction that renames the genre. Cost: 1 SQL query, and that of writing the cards.
    """
    links = ItemGenre.objects.filter(genre=genre)
    _make_cards_stale(Item.objects.filter(id__in=links.values("item")), now=now)


def _move_items(genre: Genre, target: Genre) -> None:
    links = ItemGenre.objects.filter(genre=genre)
    position = links.filter(item=OuterRef("item")).values("position")
    target_links = ItemGenre.objects.filter(genre=target, item__in=links.values("item"))
    target_links.update(position=Least("position", Subquery(position)))
    links.filter(item__in=ItemGenre.objects.filter(genre=target).values("item")).delete()
    links.update(genre=target)


def _make_cards_stale(items: QuerySet[Item], *, now: datetime) -> None:
    """Raise the versions of these items, and write some of their cards after the commit."""
    items.update(version=F("version") + 1, updated_at=now)
    run_after_commit(_write_stale_cards)


def _write_stale_cards() -> None:
    try:
        cards.write_stale_cards(limit=MAX_CARDS_WHILE_WAITING)
    except REDIS_UNAVAILABLE:
        logger.warning("cache Redis unavailable: a genre's cards are stale; the sweep will retry")
