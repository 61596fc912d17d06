"""Finishd's project package: settings, wiring, and what no single app owns."""

from finishd.celery import app as celery_app

__all__ = ["celery_app"]
