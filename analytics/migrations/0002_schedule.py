"""Beat's entries for events. Made once: what staff change in the admin stays."""

from django.db import migrations

ENTRIES = [
    ("Drain events", "analytics.tasks.drain", 2, "seconds", 2, "Counts what phones sent, a task per shard."),
    ("Retry events of new items", "analytics.tasks.retry_letters", 1, "minutes", 60, "Counts what was held."),
    ("Tidy counts", "analytics.tasks.tidy", 1, "hours", 1_800, "Hours become days, and what is old goes."),
]


def schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, task, every, period, expires, description in ENTRIES:
        interval = interval_model.objects.filter(every=every, period=period).first()
        if interval is None:
            interval = interval_model.objects.create(every=every, period=period)
        defaults = {
            "task": task,
            "interval": interval,
            "expire_seconds": expires,
            "description": description,
        }
        task_model.objects.get_or_create(name=name, defaults=defaults)


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
