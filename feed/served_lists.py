"""Served lists in Redis: the items that a viewer was served, newest first. `feed/plan_scripts.py` writes them."""

from collections.abc import Sequence
from typing import NamedTuple

from core.redis.reads import Read
from feed import keys


class ServedList(NamedTuple):
    """A viewer's served list: the items of one session, those of others, and the one session's number of entries."""

    in_session: frozenset[str]
    in_others: frozenset[str]
    session_entries: int


def read_count(viewer: str) -> Read[int]:
    """Return a read of the length of the viewer's served list."""
    return Read(lambda pipe: pipe.llen(keys.SERVED.name(viewer=viewer)), int)


def read(viewer: str, session: str) -> Read[ServedList]:
    """Return a read of the viewer's served list, split into `session` and others."""
    name = keys.SERVED.name(viewer=viewer)
    return Read(lambda pipe: pipe.lrange(name, 0, -1), lambda raw: _split(raw, session))


def split_entry(raw: bytes) -> tuple[str, str]:
    """Return (session, item id) of an entry. The item id is empty if the entry is unreadable."""
    session, _, rest = raw.decode(errors="replace").partition(" ")
    return session, rest.partition(" ")[0]


def _split(raw: Sequence[bytes], session: str) -> ServedList:
    entries = [(owner, item) for owner, item in map(split_entry, raw) if item]
    own = [item for owner, item in entries if owner == session]
    others = frozenset(item for owner, item in entries if owner != session)
    return ServedList(frozenset(own), others, len(own))
