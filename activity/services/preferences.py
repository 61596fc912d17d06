"""Preferences that a viewer's phone sends: genres, providers and titles."""

from collections.abc import Sequence
from typing import cast

from activity.services import affinity_gains, profiles
from activity.store import get_store
from activity.types import Preferences, Profile
from content.services import genres
from content.types import title_key


def sync(
    uid: str,
    *,
    genre_names: Sequence[str | int] | None,
    providers: list[dict[str, object]] | None = None,
    movies: list[dict[str, object]] | None = None,
    shows: list[dict[str, object]] | None = None,
) -> tuple[Profile, list[str]]:
    """Store the given preferences; None leaves a stored value unchanged. Return the profile and unknown genre names.

    Phones cannot create genres (imports can), so unknown names are returned and not stored.
    Cost: 2 SQL queries for genres, 2 round trips for each kind of titles, 1 store call, 1 round trip.
    Raises StoreUnavailable.
    """
    slugs: tuple[str, ...] | None = None
    unknown: list[str] = []
    if genre_names is not None:
        found = genres.get_slugs(genre_names)
        slugs = tuple(dict.fromkeys(found[n] for n in genre_names if n in found))
        unknown = [str(n) for n in genre_names if n not in found]
    given = Preferences(
        genres=slugs,
        providers=providers,
        movies=movies,
        shows=shows,
        movies_affinity_gain=_get_gain("movie", movies),
        shows_affinity_gain=_get_gain("tv", shows),
    )
    profile = get_store().save_preferences(uid, given)
    profiles.cache_profile(profile)
    return profile, unknown


def _get_gain(media_type: str, chosen: list[dict[str, object]] | None) -> dict[str, float] | None:
    if chosen is None:
        return None
    keys = [title_key("", media_type, cast("int", title["id"])) for title in chosen]
    return affinity_gains.get_affinity_gain(keys, weight=affinity_gains.PREFERENCE_TITLE_WEIGHT)
