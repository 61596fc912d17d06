"""Every Redis key, spelt once, with its type, its owner and what bounds it.

A key that holds one viewer's state carries the viewer as hash tag, so that on a
cluster a script may touch several of them. `docs/ARCHITECTURE.md` prints this
table; a test holds every live key of a run against it.
"""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

Kind = Literal["string", "hash", "list", "set", "zset", "stream"]
_SAFE = "-_.~:@+=,"
_PLAIN = re.compile(r"[A-Za-z0-9\-_.~:@+=,]*")  # what quoting leaves as it is
_REGISTRY: list["Key"] = []


def tag(uid: str) -> str:
    """A uid as it stands between the braces of a key: no brace, blank or control character survives."""
    return uid if _PLAIN.fullmatch(uid) else quote(uid, safe=_SAFE)


@dataclass(frozen=True, slots=True)
class Key:
    """A family of keys: `pattern` names its variables in `<>`."""

    pattern: str
    kind: Kind
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

    def of(self, **values: str | int) -> str:
        """The key's name; `viewer` is escaped, everything else stands as it is."""
        if "viewer" in values:
            values["viewer"] = tag(str(values["viewer"]))
        return self._form.format_map(values)

    @property
    def variables(self) -> tuple[str, ...]:
        return self._names

    def matches(self, name: str) -> bool:
        parts = re.split(r"<\w+>", self.pattern)
        return re.fullmatch(".+".join(re.escape(part) for part in parts), name, re.DOTALL) is not None


def declared() -> tuple[Key, ...]:
    """All declared families, in the order of this file."""
    return tuple(_REGISTRY)


# --- content (CACHE_URL) ---
CARD = Key("card:{<item>}", "string", "content", "one per item", 7 * DAY)
# Facts are positional: another layout is another key, so that old and new processes can run side by side.
FACTS = Key("facts:1:{<item>}", "string", "content", "one per item", 7 * DAY)
TITLE_HEAD = Key("title:<title>", "string", "content", "one per title", 5 * MINUTE)

# --- activity (REDIS_URL) ---
PROFILE = Key("profile:{<viewer>}", "string", "activity", "one per viewer seen in a week", 7 * DAY)
SEEN = Key("seen:{<viewer>}", "zset", "activity", "newest 5,000 items", 10 * MINUTE)
FRESH = Key("fresh:{<viewer>}", "zset", "activity", "newest 5,000 items seen and not yet stored", 1 * HOUR)
SKIPPED = Key(
    "skipped:{<viewer>}", "zset", "activity", "newest 200 titles skipped and not yet stored", 1 * HOUR
)
TIMELINE = Key("timeline:{<viewer>}", "zset", "activity", "400 rows", 7 * DAY)
TIMELINE_LOAD = Key("loading:{<viewer>}", "string", "activity", "one while a timeline is loaded", 10)
REBUILDING = Key("rebuilding:{<viewer>}", "string", "activity", "one while a timeline is rebuilt", 2 * MINUTE)
ACTIVE = Key("active:{<viewer>}", "string", "activity", "one per viewer of the last 30 days", 30 * DAY)
RECENT = Key("recent:{<viewer>}", "zset", "activity", "100 rows; many-follower accounts only", 1 * DAY)
LEAVING = Key("leaving:{<viewer>}", "set", "activity", "whom a person who is erased is known to", 1 * DAY)
DELIVERED = Key("delivered", "list", "activity", "newest 2,000 finished deliveries")
NAME = Key(
    "name:{<viewer>}", "string", "activity", "one per person whom somebody follows (CACHE_URL)", 7 * DAY
)

# --- feed (REDIS_URL) ---
INDEX = Key("idx:<generation>:<name>", "zset", "feed", "20,000 items; the last four generations")
INDEX_CURRENT = Key("idx:current", "string", "feed", "one; never expires, readers need it")
INDEX_LOCK = Key("idx:building", "string", "feed", "one", 1 * MINUTE)
INDEX_ASKED = Key("idx:asked", "string", "feed", "one", 10)
SESSION = Key("session:{<viewer>}:<feed>", "string", "feed", "one per viewer and feed type", 10 * MINUTE)
PLAN = Key("plan:{<viewer>}:<session>", "hash", "feed", "receipts of ten chunks", 10 * MINUTE)
SLOTS = Key("slots:{<viewer>}:<session>", "list", "feed", "2,000 slots", 10 * MINUTE)
SERVED = Key("served:{<viewer>}", "list", "feed", "newest 2,000 items served", 1 * DAY)
TRACE = Key("trace:{<viewer>}:<session>:<chunk>", "string", "feed", "sampled plans", 1 * DAY)

# --- analytics (REDIS_URL) ---
EVENTS = Key("events:{<shard>}", "stream", "analytics", "ANALYTICS_STREAM_EVENTS in all shards together")
EVENTS_BORN = Key("events:{<shard>}:born", "string", "analytics", "one per shard")
MARKS = Key("marks:{<partition>}:<generation>", "hash", "analytics", "ANALYTICS_MARKS_MB in all", 3 * DAY)
MARKS_RING = Key("marks:{<partition>}", "hash", "analytics", "16, of a dozen fields", 3 * DAY)

# --- throttling (REDIS_URL) ---
LIMIT_VIEWER = Key(
    "limit:{<viewer>}:<scope>", "string", "throttling", "one per viewer who lately asked, and class", 1 * DAY
)
LIMIT_ADDRESS = Key(
    "limit-address:<address>:<scope>",
    "string",
    "throttling",
    "one per address that lately asked, and class",
    1 * DAY,
)
LIMIT_LOGIN = Key(
    "limit-login:<name>", "string", "throttling", "one per name lately tried, as a digest", 1 * DAY
)

# --- metrics (REDIS_URL) ---
STORE_CALLS = Key("store-calls", "hash", "finishd", "three fields per endpoint and task")

# --- auth (CACHE_URL) ---
AUTH_KEYS = Key("auth:jwks:<project>", "string", "auth", "one key set", 1 * DAY)

# --- not ours, but in the same Redis where CELERY_BROKER_URL names it ---
BROKER_QUEUES = tuple(
    Key(queue, "list", "celery", "tasks that wait for a worker")
    for queue in ("fanout", "default", "content", "indexes", "analytics")
)
BROKER_BINDINGS = Key("_kombu.binding.<queue>", "set", "celery", "one per queue")
BROKER_BINDINGS_KEPT = Key("_kombu.binding_permanent.<queue>", "set", "celery", "one per queue")
BROKER_BINDING_DEADLINES = Key(
    "_kombu.binding_deadlines", "zset", "celery", "queues that expire: one per worker"
)
BROKER_UNACKED = Key("unacked", "hash", "celery", "tasks in flight")
BROKER_UNACKED_INDEX = Key("unacked_index", "zset", "celery", "tasks in flight")
BROKER_UNACKED_MUTEX = Key("unacked_mutex", "string", "celery", "one", 5 * MINUTE)
BROKER_CONTROL = Key("<worker>.celery.pidbox", "list", "celery", "questions to a worker", 1 * MINUTE)
