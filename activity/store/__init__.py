"""The activity store: where people's own data lives, behind one protocol.

`ACTIVITY_STORE` names the implementation; `orm` keeps it in Django's database,
`firestore` in Google's.
"""

from functools import cache
from importlib import import_module

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from activity.store.base import ActivityStore

IMPLEMENTATIONS = {
    "orm": "activity.store.orm.OrmStore",
    "firestore": "activity.store.firestore.FirestoreStore",
}


@cache
def get_store() -> ActivityStore:
    """The store that ACTIVITY_STORE names, made once per process."""
    try:
        module, _, name = IMPLEMENTATIONS[settings.ACTIVITY_STORE].rpartition(".")
    except KeyError:
        known = ", ".join(sorted(IMPLEMENTATIONS))
        raise ImproperlyConfigured(f"ACTIVITY_STORE is one of: {known}") from None
    made: ActivityStore = getattr(import_module(module), name)()
    return made
