"""Who somebody is, as their token says."""

from activity.services import names, profiles
from activity.store import get_store
from activity.types import MAX_NAME_LENGTH, MAX_PICTURE_LENGTH


def sync_name_from_token(uid: str, name: str | None, picture: str | None) -> None:
    """Write a name or picture through when the token brings a new one.

    Cost: 1 wait; for a change 1 store call and 2 waits more. Raises StoreUnavailable.
    """
    name = name[:MAX_NAME_LENGTH] if name else None
    picture = picture if picture and len(picture) <= MAX_PICTURE_LENGTH else None
    if name is None and picture is None:
        return
    known_name, known_picture = names.get_names([uid])[uid]
    if (name or known_name, picture or known_picture) != (known_name, known_picture):
        profile = get_store().save_name(uid, name, picture)
        profiles.cache_profile(profile)
        names.cache_names({uid: (profile.name, profile.picture)})
