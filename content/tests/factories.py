"""Genres and items for tests, saved the way staff save them. `ItemFactory.create(...)` is typed, a bare call is not."""

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
    """A reviewed genre of a name that no other has."""

    class Meta:
        model = Genre

    name = Sequence(lambda n: f"Genre {n}")
    slug = LazyAttribute(lambda genre: slugify(genre.name))
    reviewed = True


class ItemFactory(DjangoModelFactory[Item]):
    """A published trailer of a film of its own.

    `genres` takes names, slugs, TMDB ids or Genres, the primary one first.
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
        # One transaction: the card is written at its end and shows the genres.
        with transaction.atomic():
            genres = [_genre(genre) for genre in kwargs.pop("genres")]
            item: Item = super()._create(model_class, *args, **kwargs)  # type: ignore[no-untyped-call]
            link(item, genres)
        return item


def link(item: Item, genres: Iterable[Genre]) -> None:
    """Give the item these genres in this order."""
    ItemGenre.objects.bulk_create(
        ItemGenre(item=item, genre=genre, position=position) for position, genre in enumerate(genres)
    )


def _genre(genre: Genre | str | int) -> Genre:
    return genre if isinstance(genre, Genre) else genre_names.ensure_genre(str(genre))
