"""Genres by slug, name, alias or TMDB id."""

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
MAX_UNKNOWN_IDS: Final = 100  # that an import remembers for its summary


@dataclass(frozen=True, slots=True)
class GenreMention:
    """A genre as a file names it: by TMDB id, by name, or by both. At least one is set."""

    tmdb_id: int | None = None
    name: str | None = None


def get_slugs(names: Iterable[str | int]) -> dict[str | int, str]:
    """Return the slug for each name, alias or TMDB id. Unknown ones are left out.

    An alias takes precedence over a TMDB id. Cost: 1 SQL query, or 2 if there are TMDB ids.
    """
    keys = {name: normalize(str(name)) for name in names}
    aliases = GenreAlias.objects.filter(key__in=set(keys.values()))
    slugs = dict(aliases.values_list("key", "genre__slug"))
    tmdb_ids = {key: int(key) for key in keys.values() if key not in slugs and _is_number(key)}
    if tmdb_ids:
        rows = GenreTmdbId.objects.filter(tmdb_id__in=tmdb_ids.values())
        slugs_by_tmdb_id = dict(rows.values_list("tmdb_id", "genre__slug"))
        slugs.update({key: slugs_by_tmdb_id[n] for key, n in tmdb_ids.items() if n in slugs_by_tmdb_id})
    return {name: slugs[key] for name, key in keys.items() if key in slugs}


def ensure_genre(name: str) -> Genre:
    """Return the genre with this name or alias. If there is none, create it for staff to review.

    Raises ValueError for a name that `clean_name` does not accept. Cost: 1 SQL query if the alias exists.
    """
    name, key = clean_name(name)
    alias = GenreAlias.objects.select_related("genre").filter(key=key).first()
    return _create_genre(name, key) if alias is None else alias.genre


def clean_name(name: str) -> tuple[str, str]:
    """Return the name with single spaces, and its normalized form.

    Raises ValueError for a name without letters and digits, or with more than 64 characters.
    """
    cleaned = " ".join(name.split())
    key = normalize(cleaned)
    if not key or max(len(cleaned), len(key)) > MAX_NAME_LENGTH or "\0" in cleaned:
        raise ValueError(f"not a genre: {name[:80]!r}")
    return cleaned, key


def get_names_by_slug() -> dict[str, str]:
    """Return the names of all genres by slug. Cost: 1 SQL query with a few hundred rows at most."""
    return dict(Genre.objects.values_list("slug", "name"))


def get_slugs_of_titles(title_keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the genre slugs of each title's first item, the primary genre first.

    Titles without items are left out. Cost: 2 round trips if all are cached.
    """
    first_items = {title_key: ids[0] for title_key, ids in titles.get_items(title_keys).items() if ids}
    facts = cards.get_facts(list(first_items.values()))
    return {title_key: facts[item].genres for title_key, item in first_items.items() if item in facts}


class GenreResolver:
    """All spellings in memory, for the duration of an import. Only new genres need SQL.

    With `create=False` nothing is written, and each new genre gets a negative key that no row has.
    `new_names` contains the names of the new genres, `unknown_ids` the first numbers that are no
    genre's TMDB id.
    """

    def __init__(self, *, create: bool) -> None:
        self._may_create = create
        self.new_names: list[str] = []
        self.unknown_ids: set[int] = set()
        self.reload()

    def reload(self) -> None:
        """Load all spellings again. Cost: 2 SQL queries."""
        self._pks_by_tmdb_id = dict(GenreTmdbId.objects.values_list("tmdb_id", "genre_id"))
        self._pks_by_alias = dict(GenreAlias.objects.values_list("key", "genre_id"))

    def get_pks(self, mentions: Iterable[GenreMention]) -> list[int]:
        """Return the primary keys of the genres, in their order and without duplicates.

        A known TMDB id takes precedence over the name, because TMDB translates names, but not ids. An unknown id
        without a name is left out, because a number is no name for a genre. Raises ValueError as `ensure_genre` does.
        """
        return list(dict.fromkeys(pk for mention in mentions if (pk := self._get_pk(mention)) is not None))

    def _get_pk(self, mention: GenreMention) -> int | None:
        if mention.tmdb_id in self._pks_by_tmdb_id:
            return self._pks_by_tmdb_id[mention.tmdb_id]
        name, key = clean_name(str(mention.tmdb_id) if mention.name is None else mention.name)
        if key not in self._pks_by_alias:
            if key.isdecimal():  # an id, also where a file has ids in the place of names
                return self._get_pk_of_id(int(key))
            self._pks_by_alias[key] = self._add(name)
        return self._pks_by_alias[key]

    def _get_pk_of_id(self, tmdb_id: int) -> int | None:
        pk = self._pks_by_tmdb_id.get(tmdb_id)
        if pk is None and len(self.unknown_ids) < MAX_UNKNOWN_IDS:
            self.unknown_ids.add(tmdb_id)
        return pk

    def _add(self, name: str) -> int:
        self.new_names.append(name)
        return ensure_genre(name).pk if self._may_create else -len(self.new_names)


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 9


def _create_genre(name: str, key: str) -> Genre:
    matching = Q(slug=_make_slug(name, key)) | Q(name=name)
    try:
        with transaction.atomic():
            genre = Genre.objects.filter(matching).first() or Genre.objects.create(
                slug=_make_slug(name, key), name=name
            )
            alias, _ = GenreAlias.objects.get_or_create(key=key, defaults={"genre": genre})
    except IntegrityError:  # another process has just created it
        genre = Genre.objects.get(matching)
        alias, _ = GenreAlias.objects.get_or_create(key=key, defaults={"genre": genre})
    return alias.genre


def _make_slug(name: str, key: str) -> str:
    """Return an ASCII slug if it keeps all letters, else one in the script of the name.

    Thus names that differ after `normalize` have different slugs.
    """
    candidates = (slugify(name), slugify(name, allow_unicode=True))
    return next((slug for slug in candidates if normalize(slug) == key and len(slug) <= MAX_NAME_LENGTH), key)
