"""The periodic tasks of beat. Created once: changes that staff make in the admin stay."""

from django.db import migrations

# Name, task, interval in seconds, expiry in seconds, description.
ENTRIES = [
    (
        "Sweep unfinished deliveries",
        "activity.tasks.sweep_jobs",
        5,
        10,
        "Queues due jobs again that a lost worker, broker or message left unfinished.",
    ),
    (
        "Read events into histories",
        "activity.tasks.read_events",
        2,
        2,
        "Reads new events: what viewers have seen and skipped, and what they come to like.",
    ),
    (
        "Flush seen histories",
        "activity.tasks.flush_histories",
        60,
        60,
        "Writes pending history to the activity store, every ten minutes per viewer at most.",
    ),
]


def schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, task, seconds, expires, description in ENTRIES:
        interval = interval_model.objects.filter(every=seconds, period="seconds").first()
        if interval is None:
            interval = interval_model.objects.create(every=seconds, period="seconds")
        task_model.objects.get_or_create(
            name=name,
            defaults={
                "task": task,
                "interval": interval,
                "expire_seconds": expires,
                "description": description,
            },
        )


class Migration(migrations.Migration):
    dependencies = [
        ("activity", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
