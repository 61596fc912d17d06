"""The kind of activity store in use."""

from django.conf import settings


def is_orm_store() -> bool:
    """Return whether people's data is in the SQL database, so that the admin can show it."""
    return bool(settings.ACTIVITY_STORE == "orm")
