"""A person's document, and the rule by which its versions rise."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from activity.store import taste
from activity.store.firestore import layout
from activity.store.firestore.changes import Change
from activity.store.firestore.layout import Snapshot
from activity.types import Document, Profile, Reach

_MAPS: Final = ("likings", "learned", "skipped", "applied")


@dataclass(frozen=True, slots=True)
class Person:
    """`likings` are the sums behind affinities, genre → what titles added; for what events added see Watched."""

    uid: str
    name: str | None = None
    picture: str | None = None
    genres: tuple[str, ...] = ()
    likings: Mapping[str, float] = field(default_factory=dict)
    learned: Mapping[str, float] = field(default_factory=dict)
    learned_at: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    applied: Mapping[str, str] = field(default_factory=dict)
    finished: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    pulled: tuple[str, ...] = ()
    following: int = 0
    reach: Reach = "pushed"
    active_at: int = 0
    choice_version: int = 0
    version: int = 0

    @property
    def profile(self) -> Profile:
        return Profile(
            uid=self.uid,
            name=self.name,
            picture=self.picture,
            genres=self.genres,
            affinities=taste.affinities(self.likings, self.learned, self.learned_at),
            finished=frozenset(self.finished),
            skipped=self.skipped,
            unwanted=frozenset(self.blocked) | frozenset(self.blocked_by),
            pulled=self.pulled,
            following=self.following,
            reach=self.reach,
            active_at=self.active_at,
            choice_version=self.choice_version,
            version=self.version,
        )


def of(uid: str, snapshot: Snapshot) -> Person:
    """What a document says of a person; one whom the store has never heard of has said nothing yet."""
    if not snapshot.exists:
        return Person(uid)
    fields = snapshot.to_dict() or {}
    lists = {name: tuple(fields[name]) for name in ("genres", "finished", "blocked", "blocked_by", "pulled")}
    # A document from before there were events has no field of theirs.
    maps = {name: layout.unpacked(fields.get(name)) for name in _MAPS}
    return Person(**{**fields, **lists, **maps})


def save(
    change: Change, before: Person, after: Person, *, chose: bool = False, synced: bool = False
) -> Person:
    """Write what differs, with higher versions; `chose`: a choice that no field shows, `synced`: a change elsewhere."""
    if after == before and not synced:
        return before
    chose = chose or (after.genres, after.blocked, after.blocked_by) != (
        before.genres,
        before.blocked,
        before.blocked_by,
    )
    risen = replace(
        after, version=before.version + 1, choice_version=before.choice_version + (1 if chose else 0)
    )
    change.put(layout.person(risen.uid), _document(risen))
    return risen


def _document(person: Person) -> Document:
    return {
        "uid": person.uid,
        "name": person.name,
        "picture": person.picture,
        "genres": list(person.genres),
        **{name: layout.packed(getattr(person, name)) for name in _MAPS},
        "learned_at": person.learned_at,
        "finished": list(person.finished),
        "blocked": list(person.blocked),
        "blocked_by": list(person.blocked_by),
        "pulled": list(person.pulled),
        "following": person.following,
        "reach": person.reach,
        "active_at": person.active_at,
        "choice_version": person.choice_version,
        "version": person.version,
    }
