"""The activity store: where people's data lives, behind one protocol.

`ACTIVITY_STORE` selects the implementation: `orm` is Django's database, `firestore` is Cloud Firestore.
"""

from functools import cache
from importlib import import_module

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from activity.store.base import ActivityStore

STORES = {
    "orm": "activity.store.orm.OrmStore",
    "firestore": "activity.store.firestore.FirestoreStore",
}


@cache
def get_store() -> ActivityStore:
    """Return the store that ACTIVITY_STORE selects. It is made once per process. Raises ImproperlyConfigured."""
    try:
        module, _, name = STORES[settings.ACTIVITY_STORE].rpartition(".")
    except KeyError:
        names = ", ".join(sorted(STORES))
        raise ImproperlyConfigured(f"ACTIVITY_STORE must be one of: {names}") from None
    store: ActivityStore = getattr(import_module(module), name)()
    return store
