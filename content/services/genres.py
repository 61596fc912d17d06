"""Genres by any name: slug, name, alias or TMDB number."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from content.genres import fold
from content.models import Genre, GenreAlias, GenreTmdbId

MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class GenreName:
    slug: str
    name: str


def find(names: Iterable[str | int]) -> dict[str | int, str]:
    """The slugs of those of these names, aliases or TMDB ids that are known. Cost: at most 2 SQL."""
    wanted = list(names)
    folded = {name: fold(str(name)) for name in wanted}
    aliases = dict(GenreAlias.objects.filter(key__in=set(folded.values())).values_list("key", "genre__slug"))
    numbers = {int(f) for f in folded.values() if f.isascii() and f.isdigit() and len(f) <= 9}
    tmdb = (
        {str(k): v for k, v in GenreTmdbId.objects.filter(tmdb_id__in=numbers).values_list("tmdb_id", "genre__slug")}
        if numbers
        else {}
    )
    both = tmdb | aliases
    return {name: both[key] for name, key in folded.items() if key in both}


def resolve(name: str) -> Genre:
    """The genre of this name, made (unreviewed, for staff's queue) if there is none.

    Raises ValueError for a name without a letter or digit or longer than 64 characters. Cost: 1 SQL if known.
    """
    name = " ".join(name.split())
    key = fold(name)
    if not key or len(name) > MAX_NAME or len(key) > MAX_NAME:
        raise ValueError(f"not a genre: {name[:80]!r}")
    alias = GenreAlias.objects.select_related("genre").filter(key=key).first()
    if alias is not None:
        return alias.genre
    if key.isascii() and key.isdigit() and len(key) <= 9:
        number = GenreTmdbId.objects.select_related("genre").filter(tmdb_id=int(key)).first()
        if number is not None:
            return number.genre
    return _make(name, key)


def _make(name: str, key: str) -> Genre:
    slug = slugify(name)[:MAX_NAME] or key[:MAX_NAME]
    try:
        with transaction.atomic():
            genre, _ = Genre.objects.get_or_create(slug=slug, defaults={"name": name})
            GenreAlias.objects.get_or_create(key=key, defaults={"genre": genre})
    except IntegrityError:
        # Another process made it a moment ago, or only the name differs in case.
        genre = Genre.objects.get(name__iexact=name)
        GenreAlias.objects.get_or_create(key=key, defaults={"genre": genre})
    return genre


def names() -> dict[str, str]:
    """Every genre's name by slug, for reasons and staff. Cost: 1 SQL; some hundred rows at most."""
    return dict(Genre.objects.values_list("slug", "name"))
