"""Declarations of Redis keys: pattern, type, owner, bound and TTL.

Each app declares its keys in `<app>/keys.py`; no other module spells one. `docs/REDIS_KEYS.md` lists them, and a test
compares every live key of a test run with the declarations.

A key that holds one viewer's state has the uid as its hash tag, so that a script may use several of them on a cluster.
"""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote

KeyType = Literal["string", "hash", "list", "set", "zset", "stream"]
_SAFE = "-_.~:@+=,"
_UNESCAPED = re.compile(r"[A-Za-z0-9\-_.~:@+=,]*")  # text that quoting does not change
_REGISTRY: list["Key"] = []


def escape_hash_tag(uid: str) -> str:
    """Return a uid as it is written between the braces of a key, without braces, blanks and control characters."""
    return uid if _UNESCAPED.fullmatch(uid) else quote(uid, safe=_SAFE)


def unescape_hash_tag(text: str) -> str:
    """Return the uid that `escape_hash_tag` wrote as `text`."""
    return unquote(text)


@dataclass(frozen=True, slots=True)
class Key:
    """A family of keys. `pattern` has its variables in `<>`; `bound` says what limits their number and size.

    `ttl` is in seconds. Without one the keys never expire, and `bound` says why that is safe. `is_derived` says that
    the value follows from SQL and the activity store, so it is wrong after one of these was restored from a backup.
    """

    pattern: str
    type: KeyType
    owner: str
    bound: str
    ttl: int | None = None
    is_derived: bool = False
    _variables: tuple[str, ...] = field(init=False, repr=False, default=())
    _template: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_variables", tuple(re.findall(r"<(\w+)>", self.pattern)))
        braces = self.pattern.replace("{", "{{").replace("}", "}}")
        object.__setattr__(self, "_template", re.sub(r"<(\w+)>", r"{\1}", braces))
        _REGISTRY.append(self)

    def name(self, **values: str | int) -> str:
        """Return the name of one key. The value of `viewer` is escaped; the others are inserted unchanged."""
        if "viewer" in values:
            values["viewer"] = escape_hash_tag(str(values["viewer"]))
        return self._template.format_map(values)

    @property
    def variables(self) -> tuple[str, ...]:
        return self._variables

    def matches(self, name: str) -> bool:
        """Return whether a key of this name belongs to the family."""
        parts = re.split(r"<\w+>", self.pattern)
        return re.fullmatch(".+".join(re.escape(part) for part in parts), name, re.DOTALL) is not None


def get_declared_keys() -> tuple[Key, ...]:
    """Return all declared families, in the order of declaration."""
    return tuple(_REGISTRY)
