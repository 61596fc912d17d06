"""The periodic tasks of beat."""

import pytest
from django_celery_beat.models import PeriodicTask

from core.observability.clocks import MAX_SKEW_SECONDS
from finishd.celery import app


@pytest.mark.django_db
def test_no_message_expires_because_the_clocks_of_beat_and_a_worker_differ() -> None:
    app.loader.import_default_modules()  # registers all tasks, as a worker does when it starts
    entries = PeriodicTask.objects.exclude(task__startswith="celery.")
    assert entries.count() >= 8
    for entry in entries:
        declared = app.tasks[entry.task].expires
        assert isinstance(declared, int | float), entry.task
        assert min(entry.expire_seconds or declared, declared) > MAX_SKEW_SECONDS, entry.task
