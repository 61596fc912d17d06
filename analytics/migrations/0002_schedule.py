"""Create the periodic tasks of analytics. Existing entries stay, so that staff can change them in the admin."""

from django.db import migrations

# name, task, every, period, expires (seconds), description
ENTRIES = [
    (
        "Count events",
        "analytics.tasks.count_events",
        2,
        "seconds",
        2,
        "Counts new events, with one task for each shard.",
    ),
    (
        "Retry dead letters",
        "analytics.tasks.retry_dead_letters",
        1,
        "minutes",
        60,
        "Counts dead letters whose item has arrived.",
    ),
    (
        "Apply retention to counts",
        "analytics.tasks.apply_retention",
        1,
        "hours",
        1_800,
        "Rolls hours up to days, and deletes old counts and dead letters.",
    ),
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
