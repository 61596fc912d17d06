"""The periodic task of the index rebuild. Created once, so that later changes by staff stay."""

from django.db import migrations


def schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = interval_model.objects.filter(every=30, period="minutes").first()
    if interval is None:
        interval = interval_model.objects.create(every=30, period="minutes")
    task_model.objects.get_or_create(
        name="Rebuild indexes",
        defaults={
            "task": "feed.tasks.rebuild_indexes",
            "interval": interval,
            "expire_seconds": 1200,
            "description": "Ranks the published catalogue into new indexes.",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("feed", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
