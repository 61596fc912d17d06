"""Upsert a batch of rows: compare with the stored items, and write only the differences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, connection, reset_queries, transaction

from content.importing.formats import Row
from content.models import Item, ItemGenre
from content.services import items
from content.services.genres import GenreResolver
from content.types import title_key

# The columns that an import may change. It never changes `staff_boost`, `hidden` and the counts.
IMPORTED_COLUMNS: Final = (
    *("content_type", "title", "tmdb_id", "media_type", "title_key", "overview", "poster_path"),
    *("backdrop_path", "youtube_key", "video_name", "video_type", "thumbnail_url", "image_url"),
    *("release_date", "release_year", "channel_title", "description", "vote_average", "vote_count"),
    *("popularity", "status", "published_at", "updated_at", "version"),
)


@dataclass(slots=True)
class BatchResult:
    """The differences between a batch of rows and the stored items."""

    created: list[Item] = field(default_factory=list)
    updated: list[Item] = field(default_factory=list)
    unchanged: int = 0
    genre_pks: dict[str, list[int]] = field(default_factory=dict)  # of new items, and where they differ
    title_keys: set[str] = field(default_factory=set)  # before and after


def write(
    rows: Sequence[Row], *, resolver: GenreResolver, publish: bool, dry_run: bool, now: datetime
) -> BatchResult:
    """Upsert these rows in one transaction. Their ids must differ. Cards are written after the commit.

    Idempotent: an item that does not differ is not written, and keeps its version.
    Cost: 2 SQL queries to compare; bulk inserts of the differences; then the cost of
    `content.services.cards.write_cards`. `dry_run` only compares.
    """
    if dry_run:
        return _compare(rows, _get_genre_pks(rows, resolver), publish=publish, now=now)
    try:
        result = _write(rows, resolver, publish=publish, now=now)
    except IntegrityError:
        # Another process created one of these items or merged a genre after the comparison.
        resolver.reload()
        result = _write(rows, resolver, publish=publish, now=now)
    reset_queries()  # with DEBUG, Django would keep all SQL of the import in memory
    return result


def _write(rows: Sequence[Row], resolver: GenreResolver, *, publish: bool, now: datetime) -> BatchResult:
    # Before the transaction, so that new genres remain if the batch fails: the resolver has cached them.
    genre_pks = _get_genre_pks(rows, resolver)
    with transaction.atomic():
        result = _compare(rows, genre_pks, publish=publish, now=now)
        Item.objects.bulk_create(result.created)
        if result.updated:
            Item.objects.bulk_create(
                result.updated, update_conflicts=True, unique_fields=["id"], update_fields=IMPORTED_COLUMNS
            )
        with_new_genres = [item.id for item in result.updated if item.id in result.genre_pks]
        ItemGenre.objects.filter(item_id__in=with_new_genres).delete()
        ItemGenre.objects.bulk_create(_make_links(result.genre_pks))
        # New drafts need no card: Redis has nothing about them, and readers find them unpublished in SQL.
        stale = [*result.updated, *(item for item in result.created if item.card_version == 0)]
        if stale:
            items.queue_card_updates([item.id for item in stale], title_keys=sorted(result.title_keys))
    return result


def _get_genre_pks(rows: Iterable[Row], resolver: GenreResolver) -> dict[str, list[int]]:
    return {row.id: resolver.get_pks(row.genres) for row in rows if row.genres is not None}


def _compare(
    rows: Sequence[Row], genre_pks: Mapping[str, list[int]], *, publish: bool, now: datetime
) -> BatchResult:
    stored, stored_genre_pks = _load_existing([row.id for row in rows])
    result = BatchResult()
    for row in rows:
        item = stored.get(row.id)
        row_genre_pks = genre_pks.get(row.id, [])
        if item is None:
            new = _make_item(row, publish=publish, now=now)
            result.created.append(new)
            result.title_keys.add(new.title_key)
            result.genre_pks[row.id] = row_genre_pks
            continue
        genres_differ = row.id in genre_pks and stored_genre_pks.get(row.id, []) != row_genre_pks
        becomes_published = publish and item.status == Item.Status.DRAFT
        if not (_columns_differ(item, row.columns) or genres_differ or becomes_published):
            result.unchanged += 1
            continue
        result.title_keys.add(item.title_key)
        _apply_row(item, row, publish=publish, now=now)
        result.title_keys.add(item.title_key)
        result.updated.append(item)
        if genres_differ:
            result.genre_pks[row.id] = row_genre_pks
    return result


def _load_existing(ids: list[str]) -> tuple[dict[str, Item], dict[str, list[int]]]:
    """Return the stored items and the keys of their genres in order. In a transaction, lock the items."""
    stored = Item.objects.filter(id__in=ids)
    if connection.in_atomic_block:
        stored = stored.order_by("id").select_for_update()
    genre_pks: dict[str, list[int]] = {}
    links = ItemGenre.objects.filter(item_id__in=ids).order_by("item_id", "position")
    for item_id, genre_pk in links.values_list("item_id", "genre_id"):
        genre_pks.setdefault(item_id, []).append(genre_pk)
    return {item.id: item for item in stored}, genre_pks


def _columns_differ(item: Item, columns: Mapping[str, Any]) -> bool:
    return any(getattr(item, column) != value for column, value in columns.items())


def _make_item(row: Row, *, publish: bool, now: datetime) -> Item:
    item = Item(id=row.id, **row.columns)
    item.title_key = title_key(item.id, item.media_type, item.tmdb_id)
    if publish:
        item.status, item.published_at = Item.Status.PUBLISHED, now
    else:
        item.card_version = item.version
    return item


def _apply_row(item: Item, row: Row, *, publish: bool, now: datetime) -> None:
    for column, value in row.columns.items():
        setattr(item, column, value)
    item.title_key = title_key(item.id, item.media_type, item.tmdb_id)
    if publish and item.status == Item.Status.DRAFT:
        item.status, item.published_at = Item.Status.PUBLISHED, item.published_at or now
    item.version += 1


def _make_links(genre_pks: Mapping[str, list[int]]) -> list[ItemGenre]:
    return [
        ItemGenre(item_id=item_id, genre_id=genre_pk, position=position)
        for item_id, pks in genre_pks.items()
        for position, genre_pk in enumerate(pks)
    ]
