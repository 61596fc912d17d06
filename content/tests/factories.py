"""Factories of genres and items, which are saved like in the admin.

Use `ItemFactory.create(...)`: unlike `ItemFactory(...)` it has a type.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from factory.declarations import LazyAttribute, Sequence
from factory.django import DjangoModelFactory

from content.models import Genre, Item, ItemGenre
from content.services import genres as genre_names


class GenreFactory(DjangoModelFactory[Genre]):
    """A reviewed genre with a unique name."""

    class Meta:
        model = Genre

    name = Sequence(lambda n: f"Genre {n}")
    slug = LazyAttribute(lambda genre: slugify(genre.name))
    reviewed = True


class ItemFactory(DjangoModelFactory[Item]):
    """A published trailer of a film that no other item belongs to.

    `genres` accepts names, slugs, TMDB ids or Genre objects, the primary genre first.
    """

    class Meta:
        model = Item

    id = Sequence(lambda n: f"item-{n}")
    title = Sequence(lambda n: f"Film {n}")
    status = Item.Status.PUBLISHED
    media_type = "movie"
    tmdb_id = Sequence(lambda n: 900_000 + n)
    release_date = date(2024, 1, 1)
    vote_average = 7.0
    vote_count = 100
    popularity = 10.0
    genres = ("drama",)

    @classmethod
    def _create(cls, model_class: type[Item], *args: Any, **kwargs: Any) -> Item:
        # In one transaction, so that the card, which is written after the commit, has the genres.
        with transaction.atomic():
            genres = [_get_genre(genre) for genre in kwargs.pop("genres")]
            item: Item = super()._create(model_class, *args, **kwargs)  # type: ignore[no-untyped-call]
            add_genres(item, genres)
        return item


def add_genres(item: Item, genres: Iterable[Genre]) -> None:
    """Add these genres to the item, in this order."""
    ItemGenre.objects.bulk_create(
        ItemGenre(item=item, genre=genre, position=position) for position, genre in enumerate(genres)
    )


def _get_genre(genre: Genre | str | int) -> Genre:
    return genre if isinstance(genre, Genre) else genre_names.ensure_genre(str(genre))
