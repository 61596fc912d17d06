"""Genres by any name: slug, name, alias or TMDB number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify

from content.genres import normalize
from content.models import Genre, GenreAlias, GenreTmdbId
from content.services import cards, titles

MAX_NAME_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class GenreMention:
    """A genre as a file speaks of it: by TMDB's number, by name, or by both; never by neither."""

    tmdb_id: int | None = None
    name: str | None = None


def get_slugs(names: Iterable[str | int]) -> dict[str | int, str]:
    """The slugs of those of these names, aliases or TMDB ids that are known. Cost: at most 2 SQL."""
    folded = {name: normalize(str(name)) for name in names}
    spelt = GenreAlias.objects.filter(key__in=set(folded.values()))
    slugs = dict(spelt.values_list("key", "genre__slug"))
    unspelt = {key: int(key) for key in folded.values() if key not in slugs and _is_number(key)}
    if unspelt:
        numbered = GenreTmdbId.objects.filter(tmdb_id__in=unspelt.values())
        by_number = dict(numbered.values_list("tmdb_id", "genre__slug"))
        slugs.update({key: by_number[n] for key, n in unspelt.items() if n in by_number})
    return {name: slugs[key] for name, key in folded.items() if key in slugs}


def ensure_genre(name: str) -> Genre:
    """The genre of this name, made (unreviewed, for staff's queue) if there is none.

    Raises ValueError for a name without a letter or digit or longer than 64 characters. Cost: 1 SQL if known.
    """
    name, key = clean_name(name)
    alias = GenreAlias.objects.select_related("genre").filter(key=key).first()
    if alias is not None:
        return alias.genre
    if _is_number(key):
        number = GenreTmdbId.objects.select_related("genre").filter(tmdb_id=int(key)).first()
        if number is not None:
            return number.genre
    return _create(name, key)


def clean_name(name: str) -> tuple[str, str]:
    """The name with its blanks tidied, and its folded form. Raises ValueError for what names no genre."""
    tidy = " ".join(name.split())
    key = normalize(tidy)
    if not key or max(len(tidy), len(key)) > MAX_NAME_LENGTH or "\0" in tidy:
        raise ValueError(f"not a genre: {name[:80]!r}")
    return tidy, key


def get_names_by_slug() -> dict[str, str]:
    """Every genre's name by slug, for reasons and staff. Cost: 1 SQL; some hundred rows at most."""
    return dict(Genre.objects.values_list("slug", "name"))


class GenreResolver:
    """Every spelling in memory while an import runs: no SQL but for a genre that is new.

    With `create=False` nothing is written: a new genre gets a number below zero that no row has.
    `new_names` lists the names of the new ones.
    """

    def __init__(self, *, create: bool) -> None:
        self._create = create
        self.new_names: list[str] = []
        self.reload()

    def reload(self) -> None:
        """Forget what was known and read it again. Cost: 2 SQL."""
        self._numbers = dict(GenreTmdbId.objects.values_list("tmdb_id", "genre_id"))
        self._keys = dict(GenreAlias.objects.values_list("key", "genre_id"))

    def get_pk(self, mention: GenreMention) -> int:
        """The genre's primary key. TMDB's number says more than its name, which may be in any language.

        Raises ValueError as `ensure_genre` does.
        """
        if mention.tmdb_id in self._numbers:
            return self._numbers[mention.tmdb_id]
        name, key = clean_name(str(mention.tmdb_id) if mention.name is None else mention.name)
        if key not in self._keys:
            self._keys[key] = self._add(name, key)
        return self._keys[key]

    def _add(self, name: str, key: str) -> int:
        if _is_number(key) and int(key) in self._numbers:
            return self._numbers[int(key)]
        self.new_names.append(name)
        return ensure_genre(name).pk if self._create else -len(self.new_names)


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 9


def _create(name: str, key: str) -> Genre:
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
    return next((slug for slug in candidates if normalize(slug) == key and len(slug) <= MAX_NAME_LENGTH), key)


def get_slugs_of_titles(keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The slugs of each title's first item, the primary one first; titles without one are left out. Cost: 2 waits."""
    first = {title: ids[0] for title, ids in titles.get_items(keys).items() if ids}
    facts = cards.get_facts(list(first.values()))
    return {title: facts[item].genres for title, item in first.items() if item in facts}
