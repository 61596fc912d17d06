"""Search for keys that refer to a person, by their name or in their value."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from redis.client import Redis

from core.redis.keys import Key, escape_hash_tag, get_declared_keys

SCAN_COUNT: Final = 500  # keys per SCAN call
VALUES_PER_PIPELINE: Final = 50  # the largest values are about 100 KB


@dataclass(frozen=True, slots=True)
class ReferenceReader:
    """A family whose values may contain uids of other people.

    `contains_uid` gets a uid and a value as redis-py returns it. `companion` is a family with the same variables whose
    key is useless without this one, so both are deleted together. The text before the first `:` of the pattern must
    be unique among all families with a reader.
    """

    key: Key
    contains_uid: Callable[[str, Any], bool]
    companion: Key | None = None


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A key that refers to the person: by its name (`is_own_key`) or in its value. `companion` is a key's name."""

    key: Key
    name: str
    is_own_key: bool
    companion: str | None = None


def find_references(client: Redis, uid: str, readers: Sequence[ReferenceReader]) -> Iterator[KeyReference]:
    """Find all keys of a server that refer to a person.

    Cost: 1 round trip per 500 keys of the server, and 1 per 50 values. SCAN may miss a key that is renamed meanwhile.
    """
    own = [(key, _own_names(key, uid)) for key in get_declared_keys() if "viewer" in key.variables]
    readers_by_prefix = {_prefix(reader.key): reader for reader in readers}
    cursor = 0
    while True:
        cursor, found = client.scan(cursor, count=SCAN_COUNT)
        unread: list[tuple[ReferenceReader, str]] = []
        for raw in found:
            name = cast(bytes, raw).decode(errors="replace")
            own_key = next((key for key, names in own if names.fullmatch(name)), None)
            reader = readers_by_prefix.get(name.partition(":")[0])
            if own_key is not None:
                yield KeyReference(own_key, name, is_own_key=True)
            elif reader is not None and reader.key.matches(name):
                unread.append((reader, name))
        for start in range(0, len(unread), VALUES_PER_PIPELINE):
            yield from _read_values(client, uid, unread[start : start + VALUES_PER_PIPELINE])
        if cursor == 0:
            return


def _read_values(
    client: Redis, uid: str, unread: Sequence[tuple[ReferenceReader, str]]
) -> Iterator[KeyReference]:
    pipe = client.pipeline(transaction=False)
    for reader, name in unread:
        if reader.key.type == "string":
            pipe.get(name)
        elif reader.key.type == "list":
            pipe.lrange(name, 0, -1)
        else:
            pipe.zrange(name, 0, -1)
    for (reader, name), value in zip(unread, pipe.execute(), strict=True):
        if value and reader.contains_uid(uid, value):
            variables = name.removeprefix(_prefix(reader.key))
            companion = _prefix(reader.companion) + variables if reader.companion else None
            yield KeyReference(reader.key, name, is_own_key=False, companion=companion)


def _prefix(key: Key) -> str:
    return key.pattern.partition(":")[0]


def _own_names(key: Key, uid: str) -> re.Pattern[str]:
    """Return a pattern for the names of the person's own keys of a family."""
    literal = key.pattern.replace("<viewer>", escape_hash_tag(uid))
    return re.compile(".+".join(re.escape(part) for part in re.split(r"<\w+>", literal)), re.DOTALL)
