"""Beat's entry for the card sweep. Made once: what staff change in the admin stays."""

from django.db import migrations


def schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = interval_model.objects.filter(every=1, period="minutes").first()
    if interval is None:
        interval = interval_model.objects.create(every=1, period="minutes")
    task_model.objects.get_or_create(
        name="Sweep cards",
        defaults={
            "task": "content.tasks.sweep_cards",
            "interval": interval,
            "expire_seconds": 60,
            "description": "Writes the cards that a dying process or a missing Redis left behind.",
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0003_search"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
