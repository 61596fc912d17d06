"""Which keys of Redis name a person: by their name, or by a value that their family says how to read."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from redis.client import Redis

from core.redis.keys import Key, escape_hash_tag, get_declared_keys

AT_ONCE: Final = 500  # keys a SCAN looks at
READ_AT_ONCE: Final = 50  # values in one pipeline: the largest hold some 100 KB


@dataclass(frozen=True, slots=True)
class ReferenceReader:
    """A family whose values may name people other than the key's own: whether one does. `along`: the family whose
    key of the same variables is worth nothing without it."""

    key: Key
    contains_uid: Callable[[str, Any], bool]
    companion: Key | None = None


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A key that names the person; `own`: by its name."""

    key: Key
    name: str
    is_own_key: bool
    companion: str | None = None


def find_references(client: Redis, uid: str, naming: Sequence[ReferenceReader]) -> Iterator[KeyReference]:
    """All keys of a server that name a person, by one SCAN over it. Cost: a wait for 500 keys, and one for 50
    values to be read. A key that moves meanwhile may be missed."""
    own = [(family, _pattern(family, uid)) for family in get_declared_keys() if "viewer" in family.variables]
    readers = {_prefix(entry.key): entry for entry in naming}
    cursor = 0
    while True:
        cursor, found = client.scan(cursor, count=AT_ONCE)
        unread: list[tuple[ReferenceReader, str]] = []
        for raw in found:
            name = cast(bytes, raw).decode(errors="replace")
            family = next((family for family, pattern in own if pattern.fullmatch(name)), None)
            reader = readers.get(name.partition(":")[0])
            if family is not None:
                yield KeyReference(family, name, is_own_key=True)
            elif reader is not None and reader.key.matches(name):
                unread.append((reader, name))
        for start in range(0, len(unread), READ_AT_ONCE):
            yield from _reading(client, uid, unread[start : start + READ_AT_ONCE])
        if cursor == 0:
            return


def _reading(
    client: Redis, uid: str, unread: Sequence[tuple[ReferenceReader, str]]
) -> Iterator[KeyReference]:
    pipe = client.pipeline(transaction=False)
    for entry, name in unread:
        if entry.key.type == "string":
            pipe.get(name)
        elif entry.key.type == "list":
            pipe.lrange(name, 0, -1)
        else:
            pipe.zrange(name, 0, -1)
    for (entry, name), value in zip(unread, pipe.execute(), strict=True):
        if value and entry.contains_uid(uid, value):
            variables = name.removeprefix(_prefix(entry.key))
            along = _prefix(entry.companion) + variables if entry.companion else None
            yield KeyReference(entry.key, name, is_own_key=False, companion=along)


def _prefix(family: Key) -> str:
    return family.pattern.partition(":")[0]


def _pattern(family: Key, uid: str) -> re.Pattern[str]:
    """The names that a person's keys of a family may have."""
    literal = family.pattern.replace("<viewer>", escape_hash_tag(uid))
    return re.compile(".+".join(re.escape(part) for part in re.split(r"<\w+>", literal)), re.DOTALL)
