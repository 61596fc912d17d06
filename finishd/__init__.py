"""The project package: settings, URLs, Celery, and the features that join several apps."""

from finishd.celery import app as celery_app

__all__ = ["celery_app"]
