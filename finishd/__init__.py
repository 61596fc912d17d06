"""The project package: settings, URLs, Celery, and the features that join several apps."""

from finishd.python_version import check_python_version

# Before other imports, which an old Python cannot load. Every process imports this package first.
check_python_version()

from finishd.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
