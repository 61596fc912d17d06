"""Names and pictures of people, as their ID tokens give them."""

from activity.services import names, profiles
from activity.store import get_store
from activity.types import MAX_NAME_LENGTH, MAX_PICTURE_LENGTH


def sync_name_from_token(uid: str, name: str | None, picture: str | None) -> None:
    """Store the name and picture of a token, if they are new. None leaves the stored value unchanged.

    Cost: 1 round trip; for a change 1 store call and 2 more round trips. Raises StoreUnavailable.
    """
    name = name[:MAX_NAME_LENGTH] if name else None
    picture = picture if picture and len(picture) <= MAX_PICTURE_LENGTH else None
    if name is None and picture is None:
        return
    stored_name, stored_picture = names.get_names([uid])[uid]
    if (name or stored_name, picture or stored_picture) != (stored_name, stored_picture):
        profile = get_store().save_name(uid, name, picture)
        profiles.cache_profile(profile)
        names.cache_names({uid: (profile.name, profile.picture)})
