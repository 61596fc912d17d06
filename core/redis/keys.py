"""Every Redis key, spelt once, with its type, its owner and what bounds it.

A key that holds one viewer's state carries the viewer as hash tag, so that on a
cluster a script may touch several of them. `docs/REDIS_KEYS.md` prints this
table; a test holds every live key of a run against it.
"""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

KeyType = Literal["string", "hash", "list", "set", "zset", "stream"]
_SAFE = "-_.~:@+=,"
_PLAIN = re.compile(r"[A-Za-z0-9\-_.~:@+=,]*")  # what quoting leaves as it is
_REGISTRY: list["Key"] = []


def escape_hash_tag(uid: str) -> str:
    """A uid as it stands between the braces of a key: no brace, blank or control character survives."""
    return uid if _PLAIN.fullmatch(uid) else quote(uid, safe=_SAFE)


@dataclass(frozen=True, slots=True)
class Key:
    """A family of keys: `pattern` names its variables in `<>`."""

    pattern: str
    type: KeyType
    owner: str
    bound: str
    ttl: int | None = None  # seconds; None: never expires, the bound says why that is safe
    _names: tuple[str, ...] = field(init=False, repr=False, default=())
    _form: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", tuple(re.findall(r"<(\w+)>", self.pattern)))
        braces = self.pattern.replace("{", "{{").replace("}", "}}")
        object.__setattr__(self, "_form", re.sub(r"<(\w+)>", r"{\1}", braces))
        _REGISTRY.append(self)

    def name(self, **values: str | int) -> str:
        """The key's name; `viewer` is escaped, everything else stands as it is."""
        if "viewer" in values:
            values["viewer"] = escape_hash_tag(str(values["viewer"]))
        return self._form.format_map(values)

    @property
    def variables(self) -> tuple[str, ...]:
        return self._names

    def matches(self, name: str) -> bool:
        parts = re.split(r"<\w+>", self.pattern)
        return re.fullmatch(".+".join(re.escape(part) for part in parts), name, re.DOTALL) is not None


def get_declared_keys() -> tuple[Key, ...]:
    """All declared families, in the order of this file."""
    return tuple(_REGISTRY)
