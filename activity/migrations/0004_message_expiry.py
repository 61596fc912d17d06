"""Let the messages of a periodic task live longer than clocks may differ. A value that staff changed stays."""

from django.db import migrations


def _change(apps, before, after):
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    tasks.filter(task="activity.tasks.read_events", expire_seconds=before).update(expire_seconds=after)


def extend(apps, schema_editor):
    _change(apps, 2, 10)


def shorten(apps, schema_editor):
    _change(apps, 10, 2)


class Migration(migrations.Migration):
    dependencies = [
        ("activity", "0003_activity_cursor"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(extend, shorten)]
