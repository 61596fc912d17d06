"""What staff do with genres: name them, look through the new ones, make two of one thing one."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Least

from content.models import Genre, GenreAlias, GenreTmdbId, Item, ItemGenre
from content.services import cards
from finishd.lib.redis import UNAVAILABLE

logger = logging.getLogger(__name__)

AT_ONCE = 2_000  # cards written while staff wait; beat's sweep writes the rest


def mark_reviewed(genre_ids: Sequence[int]) -> int:
    """Take genres off the queue; returns how many were on it. Cost: 1 SQL."""
    return Genre.objects.filter(pk__in=genre_ids, reviewed=False).update(reviewed=True)


def merge(genre_ids: Sequence[int], *, into: int, now: datetime) -> int:
    """Move the items, spellings and TMDB ids of these genres to another one and delete them.

    An item that has both keeps the better of the two places. Returns how many items changed. `into` itself
    may be among the ids and is left alone. Raises Genre.DoesNotExist. Cost: 8 SQL a genre, then the cards.
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
        _card_again(target, now=now)
    return len(changed)


def renamed(genre: Genre, *, now: datetime) -> None:
    """Call in the transaction that gives a genre another name: its items' cards show it. Cost: 1 SQL, cards."""
    _card_again(genre, now=now)


def _move_items(genre: Genre, target: Genre) -> None:
    theirs = ItemGenre.objects.filter(genre=genre)
    place = theirs.filter(item=OuterRef("item")).values("position")
    both = ItemGenre.objects.filter(genre=target, item__in=theirs.values("item"))
    both.update(position=Least("position", Subquery(place)))
    theirs.filter(item__in=ItemGenre.objects.filter(genre=target).values("item")).delete()
    theirs.update(genre=target)


def _card_again(genre: Genre, *, now: datetime) -> None:
    """Make a genre's items dirty and write what staff can be made to wait for."""
    ids = ItemGenre.objects.filter(genre=genre).values("item")
    Item.objects.filter(id__in=ids).update(version=F("version") + 1, updated_at=now)
    transaction.on_commit(_sweep, robust=True)


def _sweep() -> None:
    try:
        cards.sweep(limit=AT_ONCE)
    except UNAVAILABLE:
        logger.warning("the cards of a genre's items wait for Redis")
