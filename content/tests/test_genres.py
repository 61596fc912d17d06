"""One genre under all its names."""

import pytest
from django.db import IntegrityError

from content.genres import normalize
from content.models import Genre, GenreAlias, GenreTmdbId
from content.services import genres
from content.services.genres import GenreMention, GenreResolver
from content.tests.factories import GenreFactory

pytestmark = pytest.mark.django_db

# TMDB's own table; a phone sends these numbers.
TMDB = {
    28: "Action", 12: "Adventure", 16: "Animation", 35: "Comedy", 80: "Crime", 99: "Documentary", 18: "Drama",
    10751: "Family", 14: "Fantasy", 36: "History", 27: "Horror", 10402: "Music", 9648: "Mystery",
    10749: "Romance", 878: "Science Fiction", 10770: "TV Movie", 53: "Thriller", 10752: "War", 37: "Western",
    10759: "Action & Adventure", 10762: "Kids", 10763: "News", 10764: "Reality", 10765: "Sci-Fi & Fantasy",
    10766: "Soap", 10767: "Talk", 10768: "War & Politics",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", ["Sci-Fi", "SCIFI", "sci fi", " science   fiction ", "Science-Fiction", "science-fiction", "878"]
)
def test_all_spellings_of_science_fiction_are_one_genre(name: str) -> None:
    assert genres.ensure_genre(name).slug == "science-fiction"
    assert genres.get_slugs([name]) == {name: "science-fiction"}
    assert (
        GenreResolver(create=True).get_pk(GenreMention(name=name))
        == Genre.objects.get(slug="science-fiction").pk
    )


def test_every_tmdb_number_is_a_reviewed_genre_of_its_name() -> None:
    numbers = GenreTmdbId.objects.values_list("tmdb_id", "genre__name")
    assert dict(numbers) == TMDB
    assert not Genre.objects.filter(tmdb_ids__isnull=False, reviewed=False).exists()
    assert len(set(genres.get_slugs(TMDB).values())) == len(TMDB)


def test_every_name_and_slug_is_an_alias() -> None:
    known = genres.get_slugs([*genres.get_names_by_slug(), *genres.get_names_by_slug().values()])
    for slug, name in genres.get_names_by_slug().items():
        assert known[slug] == known[name] == slug


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
def test_common_spellings_are_folded(spelling: str, slug: str) -> None:
    assert genres.ensure_genre(spelling).slug == slug


def test_an_unknown_genre_is_kept_as_its_own_and_waits_for_staff() -> None:
    made = genres.ensure_genre("Found  Footage")
    assert (made.slug, made.name, made.reviewed) == ("found-footage", "Found Footage", False)
    assert genres.ensure_genre("FOUND-FOOTAGE") == made
    assert genres.get_slugs(["found footage", "nothing of the kind"]) == {"found footage": "found-footage"}


def test_names_in_other_scripts_stay_apart() -> None:
    one, other = genres.ensure_genre("Драма 2"), genres.ensure_genre("Ужасы 2")
    assert one != other
    assert genres.ensure_genre("ДРАМА-2") == one
    assert genres.ensure_genre("Comédie Noire").slug == "comedie-noire"


@pytest.mark.parametrize("name", ["", "  ", "???", "x" * 65, "a\0b"])
def test_what_cannot_be_a_genre_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a genre"):
        genres.ensure_genre(name)
    assert genres.get_slugs(["", "???"]) == {}


def test_an_unknown_number_is_kept_under_its_digits() -> None:
    assert genres.get_slugs([4711]) == {}
    assert genres.ensure_genre("4711").name == "4711"


def test_a_genre_that_staff_make_answers_to_its_name_and_slug() -> None:
    GenreFactory.create(name="Heist & Caper", slug="heist")
    assert genres.get_slugs(["heist caper", "HEIST"]) == {"heist caper": "heist", "HEIST": "heist"}


def test_a_spelling_that_staff_gave_away_stays_given() -> None:
    horror = Genre.objects.get(slug="horror")
    GenreAlias.objects.create(key="Slasher Film", genre=horror)
    assert genres.ensure_genre("slasher-film") == horror
    GenreFactory.create(name="Slasher Film", slug="slasher")
    assert genres.ensure_genre("slasher film") == horror
    assert genres.ensure_genre("slasher").slug == "slasher"


def test_a_genre_whose_aliases_are_gone_is_found_again_and_not_doubled() -> None:
    GenreAlias.objects.filter(genre__slug="horror").delete()
    assert genres.ensure_genre("horror").slug == "horror"
    assert genres.get_slugs(["HORROR"]) == {"HORROR": "horror"}


def test_one_spelling_belongs_to_one_genre() -> None:
    with pytest.raises(IntegrityError):
        GenreAlias.objects.bulk_create([GenreAlias(key=normalize("Drama"), genre=GenreFactory.create())])


def test_the_book_trusts_a_number_before_a_name() -> None:
    resolver = GenreResolver(create=True)
    assert (
        resolver.get_pk(GenreMention(tmdb_id=878, name="Ciencia ficción"))
        == Genre.objects.get(slug="science-fiction").pk
    )
    assert resolver.get_pk(GenreMention(tmdb_id=999_999, name="Drama")) == Genre.objects.get(slug="drama").pk
    assert resolver.new_names == []


def test_the_book_costs_no_query_for_what_it_knows(django_assert_num_queries: object) -> None:
    resolver = GenreResolver(create=True)
    made = resolver.get_pk(GenreMention(name="Giallo"))
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert resolver.get_pk(GenreMention(name="GIALLO")) == made
        resolver.get_pk(GenreMention(tmdb_id=18))


def test_a_book_that_may_not_make_names_what_is_new() -> None:
    resolver = GenreResolver(create=False)
    assert resolver.get_pk(GenreMention(name="Giallo")) == resolver.get_pk(GenreMention(name="giallo")) < 0
    assert resolver.get_pk(GenreMention(name="Spy")) != resolver.get_pk(GenreMention(name="Giallo"))
    assert resolver.new_names == ["Giallo", "Spy"]
    assert not Genre.objects.filter(name="Giallo").exists()
