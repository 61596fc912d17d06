"""A batch of rows into the catalogue: compare with what is there, write only what differs."""

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

# What an import may change. Never: staff_boost, hidden, the counts.
_UPDATED: Final = (
    *("content_type", "title", "tmdb_id", "media_type", "title_key", "overview", "poster_path"),
    *("backdrop_path", "youtube_key", "video_name", "video_type", "thumbnail_url", "image_url"),
    *("release_date", "release_year", "channel_title", "description", "vote_average", "vote_count"),
    *("popularity", "status", "published_at", "updated_at", "version"),
)


@dataclass(slots=True)
class Batch:
    """What one batch comes to. `genres` are the links of those items whose links are new or differ."""

    created: list[Item] = field(default_factory=list)
    updated: list[Item] = field(default_factory=list)
    unchanged: int = 0
    genres: dict[str, list[int]] = field(default_factory=dict)
    titles: set[str] = field(default_factory=set)  # keys of the titles before and after


def write(
    rows: Sequence[Row], *, resolver: GenreResolver, publish: bool, dry_run: bool, now: datetime
) -> Batch:
    """Upsert these rows, whose ids differ, in one transaction; their cards follow after its commit.

    Idempotent: an item that already says the same is neither written nor given a new version.
    Cost: 2 SQL queries to compare; inserts in bulk for what differs; then `content.services.cards.write_cards`.
    """
    if dry_run:
        return _compare(rows, _pks(rows, resolver), publish=publish, now=now)
    try:
        batch = _write(rows, resolver, publish=publish, now=now)
    except IntegrityError:
        # Somebody made one of these items, or merged a genre away, while we looked: look again.
        resolver.reload()
        batch = _write(rows, resolver, publish=publish, now=now)
    reset_queries()  # with DEBUG, Django would keep the SQL of the whole import
    return batch


def _write(rows: Sequence[Row], resolver: GenreResolver, *, publish: bool, now: datetime) -> Batch:
    pks = _pks(rows, resolver)
    with transaction.atomic():
        batch = _compare(rows, pks, publish=publish, now=now)
        Item.objects.bulk_create(batch.created)
        if batch.updated:
            Item.objects.bulk_create(
                batch.updated, update_conflicts=True, unique_fields=["id"], update_fields=_UPDATED
            )
        ItemGenre.objects.filter(item_id__in=[i.id for i in batch.updated if i.id in batch.genres]).delete()
        ItemGenre.objects.bulk_create(_links(batch.genres))
        # A new draft needs no card: nothing of it is in Redis, and a reader who asks finds it unpublished.
        touched = [*batch.updated, *(item for item in batch.created if item.card_version == 0)]
        if touched:
            items.queue_card_updates([item.id for item in touched], title_keys=sorted(batch.titles))
    return batch


def _pks(rows: Iterable[Row], resolver: GenreResolver) -> dict[str, list[int]]:
    """Outside of the batch's transaction: a genre stays made when the batch fails."""
    return {
        row.id: list(dict.fromkeys(resolver.get_pk(mention) for mention in row.genres))
        for row in rows
        if row.genres is not None
    }


def _compare(rows: Sequence[Row], genres: Mapping[str, list[int]], *, publish: bool, now: datetime) -> Batch:
    there, linked = _there([row.id for row in rows])
    batch = Batch()
    for row in rows:
        item = there.get(row.id)
        wanted = genres.get(row.id, [])
        if item is None:
            batch.created.append(_new(row, publish=publish, now=now))
            batch.titles.add(batch.created[-1].title_key)
            batch.genres[row.id] = wanted
            continue
        regenred = row.id in genres and linked.get(row.id, []) != wanted
        if not (_differs(item, row.columns) or regenred or (publish and item.status == Item.Status.DRAFT)):
            batch.unchanged += 1
            continue
        batch.titles.add(item.title_key)
        _change(item, row, publish=publish, now=now)
        batch.titles.add(item.title_key)
        batch.updated.append(item)
        if regenred:
            batch.genres[row.id] = wanted
    return batch


def _there(ids: list[str]) -> tuple[dict[str, Item], dict[str, list[int]]]:
    """The items of these ids, locked where the database can, and their genres in order."""
    found = Item.objects.filter(id__in=ids)
    if connection.in_atomic_block:
        found = found.order_by("id").select_for_update()
    linked: dict[str, list[int]] = {}
    links = ItemGenre.objects.filter(item_id__in=ids).order_by("item_id", "position")
    for item_id, genre_id in links.values_list("item_id", "genre_id"):
        linked.setdefault(item_id, []).append(genre_id)
    return {item.id: item for item in found}, linked


def _differs(item: Item, columns: Mapping[str, Any]) -> bool:
    return any(getattr(item, column) != value for column, value in columns.items())


def _new(row: Row, *, publish: bool, now: datetime) -> Item:
    item = Item(id=row.id, **row.columns)
    item.title_key = title_key(item.id, item.media_type, item.tmdb_id)
    if publish:
        item.status, item.published_at = Item.Status.PUBLISHED, now
    else:
        item.card_version = item.version
    return item


def _change(item: Item, row: Row, *, publish: bool, now: datetime) -> None:
    for column, value in row.columns.items():
        setattr(item, column, value)
    item.title_key = title_key(item.id, item.media_type, item.tmdb_id)
    if publish and item.status == Item.Status.DRAFT:
        item.status, item.published_at = Item.Status.PUBLISHED, item.published_at or now
    item.version += 1


def _links(genres: Mapping[str, list[int]]) -> list[ItemGenre]:
    return [
        ItemGenre(item_id=item_id, genre_id=genre_id, position=position)
        for item_id, genre_ids in genres.items()
        for position, genre_id in enumerate(genre_ids)
    ]
