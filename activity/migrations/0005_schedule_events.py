"""Beat's entries for the reader of events and for the flush. Made once: what staff change in the admin stays."""

from django.db import migrations

ENTRIES = [
    (
        "Read events into histories",
        "activity.tasks.read_events",
        2,
        2,
        "Has waiting events read: what viewers have seen, skipped and come to like.",
    ),
    (
        "Flush seen histories",
        "activity.tasks.flush_histories",
        60,
        60,
        "Brings what events taught to the activity store, each viewer's every ten minutes at most.",
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
        ("activity", "0004_pending_history"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
