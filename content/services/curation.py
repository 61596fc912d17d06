"""What staff do with genres: name them, look through the new ones, make two of one thing one."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Least

from content.models import Genre, GenreAlias, GenreTmdbId, Item, ItemGenre
from content.services import cards
from core.redis.client import REDIS_UNAVAILABLE
from core.sql.after_commit import run_after_commit

logger = logging.getLogger(__name__)

MAX_CARDS_WHILE_WAITING = 2_000  # cards written while staff wait; beat's sweep writes the rest


@dataclass(frozen=True, slots=True)
class Overview:
    """How many items have which status, how many cards wait to be written, how many genres to be reviewed."""

    published: int
    draft: int
    archived: int
    stale_cards: int
    unreviewed_genres: int


def get_overview() -> Overview:
    """The catalogue in numbers, for staff. Cost: 3 SQL."""
    numbers = dict(Item.objects.order_by().values_list("status").annotate(number=Count("id")))
    return Overview(
        published=numbers.get("published", 0),
        draft=numbers.get("draft", 0),
        archived=numbers.get("archived", 0),
        stale_cards=Item.objects.filter(card_version__lt=F("version")).count(),
        unreviewed_genres=Genre.objects.filter(reviewed=False).count(),
    )


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
        ids = sorted(changed)
        for start in range(0, len(ids), cards.BATCH_SIZE):
            _make_cards_stale(Item.objects.filter(id__in=ids[start : start + cards.BATCH_SIZE]), now=now)
    return len(changed)


def queue_cards_of_genre(genre: Genre, *, now: datetime) -> None:
    """Call in the transaction that gives a genre another name: its items' cards show it. Cost: 1 SQL, cards."""
    links = ItemGenre.objects.filter(genre=genre)
    _make_cards_stale(Item.objects.filter(id__in=links.values("item")), now=now)


def _move_items(genre: Genre, target: Genre) -> None:
    theirs = ItemGenre.objects.filter(genre=genre)
    place = theirs.filter(item=OuterRef("item")).values("position")
    both = ItemGenre.objects.filter(genre=target, item__in=theirs.values("item"))
    both.update(position=Least("position", Subquery(place)))
    theirs.filter(item__in=ItemGenre.objects.filter(genre=target).values("item")).delete()
    theirs.update(genre=target)


def _make_cards_stale(items: QuerySet[Item], *, now: datetime) -> None:
    """Make items dirty and, after commit, write what staff can be made to wait for."""
    items.update(version=F("version") + 1, updated_at=now)
    run_after_commit(_write_stale_cards)


def _write_stale_cards() -> None:
    try:
        cards.write_stale_cards(limit=MAX_CARDS_WHILE_WAITING)
    except REDIS_UNAVAILABLE:
        logger.warning("the cards of a genre's items wait for Redis")
