"""Search in PostgreSQL. SQLite makes its own after every migrate (content.search.sqlite.ensure)."""

from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations

# The parser would take `Mr.Robot` for a host and `9/11` for a path.
SEPARATORS = r""".-/:_@+&*"#!?,;()[]{}<>=~^|\%$–—…·•“”«»'‘’ʼ""".replace("'", "''")
BLANKS = " " * len(SEPARATORS)
# "Schindler's" is two words and also, less heavily, the one that many type; "d'Amélie" should be two.
JOINED = "translate(title, '''‘’ʼ', '')"
YEAR = "coalesce(extract(year FROM release_date)::text, release_year::text, '')"
NAMES = (
    f"coalesce(video_name, '') || ' ' || content_type || ' ' || {YEAR} || ' '"
    f" || CASE WHEN title = {JOINED} THEN '' ELSE {JOINED} END"
)


def words(text):
    return f"to_tsvector('finishd', translate({text}, '{SEPARATORS}', '{BLANKS}'))"


FORWARDS = f"""
CREATE TEXT SEARCH CONFIGURATION finishd (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION finishd
    ALTER MAPPING FOR hword, hword_part, word, numword, numhword, hword_numpart WITH unaccent, simple;
ALTER TABLE content_item ADD COLUMN search_words tsvector GENERATED ALWAYS AS (
    setweight({words("title")}, 'A')
    || setweight({words(NAMES)}, 'B')
    || setweight({words("coalesce(overview, '')")}, 'D')
) STORED;
CREATE INDEX item_search_words ON content_item USING gin (search_words);
CREATE INDEX item_search_title ON content_item USING gin (title gin_trgm_ops);
"""

BACKWARDS = """
DROP INDEX item_search_title;
ALTER TABLE content_item DROP COLUMN search_words;
DROP TEXT SEARCH CONFIGURATION finishd;
"""


def on_postgresql(sql):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(sql, params=None)

    return run


class Migration(migrations.Migration):
    dependencies = [("content", "0002_seed_genres")]

    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        migrations.RunPython(on_postgresql(FORWARDS), on_postgresql(BACKWARDS)),
    ]
