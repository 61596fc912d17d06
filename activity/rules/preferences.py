"""Changes to a person's preferences, name and picture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from activity.rules import affinities
from activity.rules.person import Person, raise_versions
from activity.types import Preferences


@dataclass(frozen=True, slots=True)
class PreferencesChange:
    """A person and their stored preferences (those besides genres) after a change."""

    person: Person
    preferences: dict[str, Any]


def save_preferences(person: Person, stored: Mapping[str, Any], given: Preferences) -> PreferencesChange:
    """Replace what is given. Versions rise only if something changed."""
    values = given.given_values
    preferences = {**stored, **values}
    after = replace(
        person,
        genres=person.genres if given.genres is None else given.genres,
        title_affinity_sums=affinities.replace_preference_gains(person.title_affinity_sums, stored, values),
    )
    changed = raise_versions(person, after, has_other_change=preferences != stored)
    return PreferencesChange(changed, preferences)


def save_name(person: Person, name: str | None, picture: str | None) -> Person:
    """Replace the name and the picture. None and the empty string leave the stored value."""
    return raise_versions(
        person, replace(person, name=name or person.name, picture=picture or person.picture)
    )
