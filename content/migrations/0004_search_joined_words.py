"""Search for the words of a title also without the punctuation between them, as in "walle" for "WALL·E"."""

from importlib import import_module

from django.db import migrations

search = import_module("content.migrations.0002_search")

JOINED = f"translate(title, '{search.SEPARATORS}', '')"
TITLE = f"{search.tsvector('title')} || to_tsvector('finishd', CASE WHEN title = {JOINED} THEN '' ELSE {JOINED} END)"
NAMES = f"coalesce(video_name, '') || ' ' || content_type || ' ' || {search.YEAR}"


def replace_column(title, names):
    overview = search.tsvector("coalesce(overview, '')")
    return search.on_postgresql(f"""
DROP INDEX item_search_words;
ALTER TABLE content_item DROP COLUMN search_words;
ALTER TABLE content_item ADD COLUMN search_words tsvector GENERATED ALWAYS AS (
    setweight({title}, 'A') || setweight({search.tsvector(names)}, 'B') || setweight({overview}, 'D')
) STORED;
CREATE INDEX item_search_words ON content_item USING gin (search_words);
""")


class Migration(migrations.Migration):
    dependencies = [("content", "0003_genres_and_schedule")]

    operations = [
        migrations.RunPython(
            replace_column(TITLE, NAMES), replace_column(search.tsvector("title"), search.NAMES)
        ),
    ]
