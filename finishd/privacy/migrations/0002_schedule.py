"""Create the periodic task for erasures. Changes that staff make in the admin are kept."""

from django.db import migrations


def schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = interval_model.objects.filter(every=1, period="minutes").first()
    if interval is None:
        interval = interval_model.objects.create(every=1, period="minutes")
    task_model.objects.get_or_create(
        name="Sweep erasures",
        defaults={
            "task": "finishd.privacy.tasks.sweep_erasures",
            "interval": interval,
            "expire_seconds": 50,
            "description": "Queues erasures that are unfinished, and verifies them an hour after the data was erased.",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
