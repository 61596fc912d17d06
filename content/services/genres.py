"""Genres by any name: slug, name, alias or TMDB number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify

from content.genres import fold
from content.models import Genre, GenreAlias, GenreTmdbId
from content.services import cards, titles

MAX_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Mention:
    """A genre as a file speaks of it: by TMDB's number, by name, or by both; never by neither."""

    number: int | None = None
    name: str | None = None


def find(names: Iterable[str | int]) -> dict[str | int, str]:
    """The slugs of those of these names, aliases or TMDB ids that are known. Cost: at most 2 SQL."""
    folded = {name: fold(str(name)) for name in names}
    spelt = GenreAlias.objects.filter(key__in=set(folded.values()))
    slugs = dict(spelt.values_list("key", "genre__slug"))
    unspelt = {key: int(key) for key in folded.values() if key not in slugs and _is_number(key)}
    if unspelt:
        numbered = GenreTmdbId.objects.filter(tmdb_id__in=unspelt.values())
        by_number = dict(numbered.values_list("tmdb_id", "genre__slug"))
        slugs.update({key: by_number[n] for key, n in unspelt.items() if n in by_number})
    return {name: slugs[key] for name, key in folded.items() if key in slugs}


def resolve(name: str) -> Genre:
    """The genre of this name, made (unreviewed, for staff's queue) if there is none.

    Raises ValueError for a name without a letter or digit or longer than 64 characters. Cost: 1 SQL if known.
    """
    name, key = checked(name)
    alias = GenreAlias.objects.select_related("genre").filter(key=key).first()
    if alias is not None:
        return alias.genre
    if _is_number(key):
        number = GenreTmdbId.objects.select_related("genre").filter(tmdb_id=int(key)).first()
        if number is not None:
            return number.genre
    return _make(name, key)


def checked(name: str) -> tuple[str, str]:
    """The name with its blanks tidied, and its folded form. Raises ValueError for what names no genre."""
    tidy = " ".join(name.split())
    key = fold(tidy)
    if not key or max(len(tidy), len(key)) > MAX_NAME or "\0" in tidy:
        raise ValueError(f"not a genre: {name[:80]!r}")
    return tidy, key


def names() -> dict[str, str]:
    """Every genre's name by slug, for reasons and staff. Cost: 1 SQL; some hundred rows at most."""
    return dict(Genre.objects.values_list("slug", "name"))


class Book:
    """Every spelling in memory while an import runs: no SQL but for a genre that is new.

    With `make=False` nothing is written: a new genre gets a number below zero that no row has.
    `made` lists the names of the new ones.
    """

    def __init__(self, *, make: bool) -> None:
        self._make = make
        self.made: list[str] = []
        self.reload()

    def reload(self) -> None:
        """Forget what was known and read it again. Cost: 2 SQL."""
        self._numbers = dict(GenreTmdbId.objects.values_list("tmdb_id", "genre_id"))
        self._keys = dict(GenreAlias.objects.values_list("key", "genre_id"))

    def pk(self, mention: Mention) -> int:
        """The genre's primary key. TMDB's number says more than its name, which may be in any language.

        Raises ValueError as `resolve` does.
        """
        if mention.number in self._numbers:
            return self._numbers[mention.number]
        name, key = checked(str(mention.number) if mention.name is None else mention.name)
        if key not in self._keys:
            self._keys[key] = self._learn(name, key)
        return self._keys[key]

    def _learn(self, name: str, key: str) -> int:
        if _is_number(key) and int(key) in self._numbers:
            return self._numbers[int(key)]
        self.made.append(name)
        return resolve(name).pk if self._make else -len(self.made)


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 9


def _make(name: str, key: str) -> Genre:
    same = Q(slug=_slug(name, key)) | Q(name=name)
    try:
        with transaction.atomic():
            genre = Genre.objects.filter(same).first() or Genre.objects.create(
                slug=_slug(name, key), name=name
            )
            alias, _ = GenreAlias.objects.get_or_create(key=key, defaults={"genre": genre})
    except IntegrityError:  # another process made it a moment ago
        genre = Genre.objects.get(same)
        alias, _ = GenreAlias.objects.get_or_create(key=key, defaults={"genre": genre})
    return alias.genre


def _slug(name: str, key: str) -> str:
    """In ASCII if that loses nothing, else in the name's own letters: no two genres share one."""
    candidates = (slugify(name), slugify(name, allow_unicode=True))
    return next((slug for slug in candidates if fold(slug) == key and len(slug) <= MAX_NAME), key)


def of_titles(keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The slugs of each title's first item, the primary one first; titles without one are left out. Cost: 2 waits."""
    first = {title: ids[0] for title, ids in titles.items_of(keys).items() if ids}
    facts = cards.read_facts(list(first.values()))
    return {title: facts[item].genres for title, item in first.items() if item in facts}
