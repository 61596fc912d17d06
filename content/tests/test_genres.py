"""Names, aliases and TMDB ids of genres."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError

from content.genres import normalize
from content.models import Genre, GenreAlias, GenreTmdbId
from content.services import genres
from content.services.genres import GenreMention, GenreResolver
from content.tests.factories import GenreFactory

pytestmark = pytest.mark.django_db

# TMDB's list. Phones send these ids.
TMDB = {
    28: "Action", 12: "Adventure", 16: "Animation", 35: "Comedy", 80: "Crime", 99: "Documentary", 18: "Drama",
    10751: "Family", 14: "Fantasy", 36: "History", 27: "Horror", 10402: "Music", 9648: "Mystery",
    10749: "Romance", 878: "Science Fiction", 10770: "TV Movie", 53: "Thriller", 10752: "War", 37: "Western",
    10759: "Action & Adventure", 10762: "Kids", 10763: "News", 10764: "Reality", 10765: "Sci-Fi & Fantasy",
    10766: "Soap", 10767: "Talk", 10768: "War & Politics",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", ["Sci-Fi", "SCIFI", "sci fi", " science   fiction ", "Science-Fiction", "science-fiction"]
)
def test_all_spellings_of_a_name_are_one_genre(name: str) -> None:
    assert genres.ensure_genre(name).slug == "science-fiction"
    assert genres.get_slugs([name]) == {name: "science-fiction"}
    assert GenreResolver(create=True).get_pks([GenreMention(name=name)]) == [
        Genre.objects.get(slug="science-fiction").pk
    ]


def test_every_tmdb_id_has_a_reviewed_genre_with_its_name() -> None:
    tmdb_ids = GenreTmdbId.objects.values_list("tmdb_id", "genre__name")
    assert dict(tmdb_ids) == TMDB
    assert not Genre.objects.filter(tmdb_ids__isnull=False, reviewed=False).exists()
    assert len(set(genres.get_slugs(TMDB).values())) == len(TMDB)


def test_every_name_and_slug_is_an_alias() -> None:
    slugs = genres.get_slugs([*genres.get_names_by_slug(), *genres.get_names_by_slug().values()])
    for slug, name in genres.get_names_by_slug().items():
        assert slugs[slug] == slugs[name] == slug


@pytest.mark.parametrize(
    ("spelling", "slug"),
    [
        ("Animated", "animation"),
        ("Historical", "history"),
        ("Musical", "music"),
        ("Suspense", "thriller"),
        ("Sport", "sport"),
        ("Sports", "sport"),
        ("Action and Adventure", "action-adventure"),
        ("Science Fiction & Fantasy", "sci-fi-fantasy"),
        ("Noir", "film-noir"),
    ],
)
def test_common_spellings_are_aliases(spelling: str, slug: str) -> None:
    assert genres.ensure_genre(spelling).slug == slug


def test_an_unknown_name_creates_a_genre_that_needs_review() -> None:
    created = genres.ensure_genre("Found  Footage")
    assert (created.slug, created.name, created.reviewed) == ("found-footage", "Found Footage", False)
    assert genres.ensure_genre("FOUND-FOOTAGE") == created
    assert genres.get_slugs(["found footage", "unknown"]) == {"found footage": "found-footage"}


def test_names_in_other_scripts_are_different_genres() -> None:
    one, other = genres.ensure_genre("Драма 2"), genres.ensure_genre("Ужасы 2")
    assert one != other
    assert genres.ensure_genre("ДРАМА-2") == one
    assert genres.ensure_genre("Comédie Noire").slug == "comedie-noire"


@pytest.mark.parametrize("name", ["", "  ", "???", "x" * 65, "a\0b"])
def test_an_invalid_name_raises_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="not a genre"):
        genres.ensure_genre(name)
    assert genres.get_slugs(["", "???"]) == {}


@pytest.mark.parametrize("create", [True, False])
def test_an_unknown_tmdb_id_is_left_out_and_creates_no_genre(create: bool) -> None:
    resolver = GenreResolver(create=create)
    unknown = [GenreMention(tmdb_id=4711), GenreMention(name="4712"), GenreMention(tmdb_id=4711)]
    drama = Genre.objects.get(slug="drama").pk
    assert resolver.get_pks([*unknown, GenreMention(tmdb_id=18), GenreMention(name="18")]) == [drama]
    assert (resolver.unknown_ids, resolver.new_names) == ({4711, 4712}, [])
    assert not Genre.objects.filter(name__startswith="47").exists()
    assert genres.get_slugs([4711]) == {}


def test_a_genre_that_staff_create_is_found_by_its_name_and_slug() -> None:
    GenreFactory.create(name="Heist & Caper", slug="heist")
    assert genres.get_slugs(["heist caper", "HEIST"]) == {"heist caper": "heist", "HEIST": "heist"}


def test_a_new_genre_does_not_take_an_alias_from_another_genre() -> None:
    horror = Genre.objects.get(slug="horror")
    GenreAlias.objects.create(key="Slasher Film", genre=horror)
    assert genres.ensure_genre("slasher-film") == horror
    GenreFactory.create(name="Slasher Film", slug="slasher")
    assert genres.ensure_genre("slasher film") == horror
    assert genres.ensure_genre("slasher").slug == "slasher"


def test_a_genre_without_aliases_is_found_by_name_and_not_created_again() -> None:
    GenreAlias.objects.filter(genre__slug="horror").delete()
    assert genres.ensure_genre("horror").slug == "horror"
    assert genres.get_slugs(["HORROR"]) == {"HORROR": "horror"}


def test_two_genres_cannot_have_the_same_alias() -> None:
    with pytest.raises(IntegrityError):
        GenreAlias.objects.bulk_create([GenreAlias(key=normalize("Drama"), genre=GenreFactory.create())])


def test_the_resolver_prefers_a_known_tmdb_id_to_a_name() -> None:
    resolver = GenreResolver(create=True)
    science_fiction, drama = (Genre.objects.get(slug=slug).pk for slug in ("science-fiction", "drama"))
    assert resolver.get_pks([GenreMention(tmdb_id=878, name="Ciencia ficción")]) == [science_fiction]
    assert resolver.get_pks([GenreMention(tmdb_id=999_999, name="Drama")]) == [drama]
    assert resolver.new_names == []


def test_the_resolver_needs_no_query_for_names_and_ids_it_has_seen(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    resolver = GenreResolver(create=True)
    giallo = resolver.get_pks([GenreMention(name="Giallo")])
    with django_assert_num_queries(0):
        assert resolver.get_pks([GenreMention(name="GIALLO")]) == giallo
        resolver.get_pks([GenreMention(tmdb_id=18)])


def test_a_resolver_without_create_only_lists_the_new_names() -> None:
    resolver = GenreResolver(create=False)
    mentions = [GenreMention(name=name) for name in ("Giallo", "giallo", "Spy", "Giallo")]
    giallo, spy = resolver.get_pks(mentions)
    assert giallo < 0
    assert spy < 0
    assert resolver.new_names == ["Giallo", "Spy"]
    assert not Genre.objects.filter(name="Giallo").exists()
