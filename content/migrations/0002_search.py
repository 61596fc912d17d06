"""Full-text search on PostgreSQL. `content.search.sqlite` creates SQLite's search tables after every migrate."""

from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations

# Replaced by spaces: the parser would read `Mr.Robot` as a host name and `9/11` as a path.
SEPARATORS = r""".-/:_@+&*"#!?,;()[]{}<>=~^|\%$–—…·•“”«»'‘’ʼ""".replace("'", "''")
SPACES = " " * len(SEPARATORS)
# The title without apostrophes, so that "schindlers" finds "Schindler's". It has a lower weight than the title.
WITHOUT_APOSTROPHES = "translate(title, '''‘’ʼ', '')"
YEAR = "coalesce(extract(year FROM release_date)::text, release_year::text, '')"
NAMES = (
    f"coalesce(video_name, '') || ' ' || content_type || ' ' || {YEAR} || ' '"
    f" || CASE WHEN title = {WITHOUT_APOSTROPHES} THEN '' ELSE {WITHOUT_APOSTROPHES} END"
)


def tsvector(text):
    return f"to_tsvector('finishd', translate({text}, '{SEPARATORS}', '{SPACES}'))"


FORWARDS = f"""
CREATE TEXT SEARCH CONFIGURATION finishd (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION finishd
    ALTER MAPPING FOR hword, hword_part, word, numword, numhword, hword_numpart WITH unaccent, simple;
ALTER TABLE content_item ADD COLUMN search_words tsvector GENERATED ALWAYS AS (
    setweight({tsvector("title")}, 'A')
    || setweight({tsvector(NAMES)}, 'B')
    || setweight({tsvector("coalesce(overview, '')")}, 'D')
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
    dependencies = [("content", "0001_initial")]

    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        migrations.RunPython(on_postgresql(FORWARDS), on_postgresql(BACKWARDS)),
    ]
