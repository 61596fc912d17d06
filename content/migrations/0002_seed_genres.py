"""TMDB's genres under the names that imports and phones use, and what the models need for both."""

import django.core.validators
from django.db import migrations, models

from content.genres import normalize

# Name, slug, TMDB ids, other spellings. Every name and slug is a spelling of its own.
GENRES = [
    ("Action", "action", [28], []),
    ("Adventure", "adventure", [12], []),
    ("Animation", "animation", [16], ["animated", "cartoon", "cartoons"]),
    ("Comedy", "comedy", [35], ["comedies"]),
    ("Crime", "crime", [80], []),
    ("Documentary", "documentary", [99], ["documentaries", "docs"]),
    ("Drama", "drama", [18], ["dramas"]),
    ("Family", "family", [10751], []),
    ("Fantasy", "fantasy", [14], []),
    ("History", "history", [36], ["historic", "historical"]),
    ("Horror", "horror", [27], []),
    ("Music", "music", [10402], ["musical", "musicals"]),
    ("Mystery", "mystery", [9648], ["mysteries"]),
    ("Romance", "romance", [10749], ["romantic"]),
    ("Science Fiction", "science-fiction", [878], ["sci-fi", "sf", "science fiction film"]),
    ("TV Movie", "tv-movie", [10770], ["television movie", "television film", "tv film"]),
    ("Thriller", "thriller", [53], ["thrillers", "suspense"]),
    ("War", "war", [10752], []),
    ("Western", "western", [37], ["westerns"]),
    ("Action & Adventure", "action-adventure", [10759], ["action and adventure"]),
    ("Kids", "kids", [10762], []),
    ("News", "news", [10763], []),
    ("Reality", "reality", [10764], ["reality tv"]),
    (
        "Sci-Fi & Fantasy",
        "sci-fi-fantasy",
        [10765],
        ["sci-fi and fantasy", "science fiction & fantasy", "science fiction and fantasy"],
    ),
    ("Soap", "soap", [10766], ["soap opera"]),
    ("Talk", "talk", [10767], ["talk show"]),
    ("War & Politics", "war-politics", [10768], ["war and politics"]),
    # Not TMDB's, but in nearly every other list, and spelt in more than one way.
    ("Biography", "biography", [], ["biopic", "biographical"]),
    ("Sport", "sport", [], ["sports"]),
    ("Film Noir", "film-noir", [], ["noir"]),
]


def seed(apps, schema_editor):
    genre_model = apps.get_model("content", "Genre")
    alias_model = apps.get_model("content", "GenreAlias")
    number_model = apps.get_model("content", "GenreTmdbId")
    for name, slug, numbers, spellings in GENRES:
        genre, _ = genre_model.objects.get_or_create(slug=slug, defaults={"name": name, "reviewed": True})
        for key in {normalize(spelling) for spelling in (name, slug, *spellings)}:
            alias_model.objects.get_or_create(key=key, defaults={"genre": genre})
        for number in numbers:
            number_model.objects.get_or_create(tmdb_id=number, defaults={"genre": genre})


class Migration(migrations.Migration):
    dependencies = [("content", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="item",
            name="release_year",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="When no more than the year is known; the date leads where there is one.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1870),
                    django.core.validators.MaxValueValidator(2200),
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("release_year__isnull", True),
                    models.Q(("release_year__gte", 1870), ("release_year__lte", 2200)),
                    _connector="OR",
                ),
                name="item_release_year_in_range",
            ),
        ),
        migrations.AlterField(
            model_name="genre",
            name="slug",
            field=models.SlugField(allow_unicode=True, max_length=64, unique=True),
        ),
        migrations.RunPython(seed, migrations.RunPython.noop, elidable=False),
    ]
