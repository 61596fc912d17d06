"""Beat's entry for unfinished work. Made once: what staff change in the admin stays."""

from django.db import migrations


def schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = interval_model.objects.filter(every=5, period="seconds").first()
    if interval is None:
        interval = interval_model.objects.create(every=5, period="seconds")
    task_model.objects.get_or_create(
        name="Sweep unfinished deliveries",
        defaults={
            "task": "activity.tasks.sweep_jobs",
            "interval": interval,
            "expire_seconds": 10,
            "description": "Queues again what a lost worker, broker or message left undone.",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("activity", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
