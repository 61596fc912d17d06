"""TMDB's genres with their aliases, and the periodic task that writes stale cards."""

from django.db import migrations

from content.genres import normalize

# Name, slug, TMDB ids and other spellings. The name and the slug are aliases too.
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
    # TMDB does not have these, but most other lists do, in several spellings.
    ("Biography", "biography", [], ["biopic", "biographical"]),
    ("Sport", "sport", [], ["sports"]),
    ("Film Noir", "film-noir", [], ["noir"]),
]


def create_genres(apps, schema_editor):
    genre_model = apps.get_model("content", "Genre")
    alias_model = apps.get_model("content", "GenreAlias")
    tmdb_id_model = apps.get_model("content", "GenreTmdbId")
    for name, slug, tmdb_ids, spellings in GENRES:
        genre, _ = genre_model.objects.get_or_create(slug=slug, defaults={"name": name, "reviewed": True})
        for key in {normalize(spelling) for spelling in (name, slug, *spellings)}:
            alias_model.objects.get_or_create(key=key, defaults={"genre": genre})
        for tmdb_id in tmdb_ids:
            tmdb_id_model.objects.get_or_create(tmdb_id=tmdb_id, defaults={"genre": genre})


def schedule(apps, schema_editor):
    """Create the entry if it does not exist. An entry that staff changed stays as it is."""
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = interval_model.objects.filter(every=1, period="minutes").first()
    if interval is None:
        interval = interval_model.objects.create(every=1, period="minutes")
    task_model.objects.get_or_create(
        name="Write stale cards",
        defaults={
            "task": "content.tasks.sweep_cards",
            "interval": interval,
            "expire_seconds": 60,
            "description": "Writes the cards that are older than their items.",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0002_search"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.RunPython(create_genres, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(schedule, migrations.RunPython.noop, elidable=False),
    ]
