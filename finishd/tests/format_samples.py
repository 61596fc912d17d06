"""One value of each stored format."""

from typing import Final

import orjson

from activity.rules.person import Person
from activity.types import Activity, HistoryDelta, Job, Ledger, Profile, Relation, TimelineRow
from analytics import event_format
from analytics.stream import Server
from analytics.types import Event
from content.models import Item
from content.tests.factories import ItemFactory
from content.types import Facts
from core.auth.keyset import KeySet
from feed.cursor import Cursor
from feed.indexes import IndexPointer
from feed.plan_format import PlanHeader, SessionPointer
from feed.types import Candidate, Chunk, ChunkInputs, Pool, Slot

NOW: Final = 1_795_000_000
ENTRY_ID: Final = f"{NOW}000-0"
DEDUP_KEY: Final = bytes(range(12))

POINTER: Final = SessionPointer("0123456789abcdef", NOW, 4)
HEADER: Final = PlanHeader("0123456789abcdef", "for_you", NOW, 12, ("indexes",))
TAIL: Final = (("movie:603", "drama"), ("item:clip", None))
SOCIAL: Final = {"type": "social_activity", "rating": 4, "friend": {"uid": "kofi", "username": "Kofi"}}
SLOT: Final = Slot("heat", "following", "Kofi liked this", 0.5, SOCIAL)
RECEIPT: Final = {"recipe": "1", "shares": {"trending": 5}, "drops": {"seen": 2}, "degraded": []}
CURSOR: Final = Cursor("for_you", "0123456789abcdef", 20, 2, NOW - 60, NOW, ("clip",))
INDEX_POINTER: Final = IndexPointer(12, NOW, {"trending": 300, "genre:drama": 20}, {"drama": "Drama"}, (11,))
FACTS: Final = Facts("heat", "movie:949", ("drama", "crime"), 80.5, 7.9, 6_000, 9_480, NOW - 100, 2, False)
INPUTS: Final = ChunkInputs(
    feed="for_you",
    session="0123456789abcdef",
    start=0,
    size=10,
    now=NOW,
    pools=(Pool("trending", (Candidate("heat", 0.9, "Trending now"),)),),
    affinities={"drama": 0.4},
    seen=frozenset({"clip"}),
    preceding=TAIL,
)
CHUNK: Final = Chunk((), (), True, {"seen": 0}, {"trending": 1})
PROFILE: Final = Profile(
    "ama",
    name="Ama",
    picture="https://example.org/ama.jpg",
    genres=("drama",),
    affinities={"drama": 0.25},
    finished=frozenset({"movie:603"}),
    skipped={"movie:604": NOW},
    blocked_uids=frozenset({"mei"}),
    pull_list=("star",),
    following_count=3,
    reach="to_pull",
    active_at=NOW,
    choice_version=2,
    version=7,
)
ROW: Final = TimelineRow("kofi", "movie:603", NOW, "finished", True, 5, "Kofi", None)
EVENT: Final = Event("", "ama", "heat", "like", NOW - 5, 12, event_format.make_dedup_key("golden"))
DELTA: Final = HistoryDelta("0 1-0", ENTRY_ID, {"heat": NOW}, {"drama": 1.5}, NOW, {"movie:604": NOW})
JOB: Final = Job("deliver", "ama", "movie:603", 3, NOW + 30.0, NOW + 30.0)
ACTIVITY: Final = Activity(
    "ama",
    "movie:603",
    Relation("finished", True, 4),
    at=NOW,
    version=3,
    recorded_at=NOW + 0.5,
    origin="search",
    affinity_gain={"drama": 1.0},
    ledger=Ledger(2, 1, "kofi", NOW + 1.0, NOW + 2.0),
)
PERSON: Final = Person(
    "ama",
    name="Ama",
    genres=("drama",),
    title_affinity_sums={"drama": 1.0},
    event_affinity_sums={"drama": 0.5},
    event_affinity_at=NOW,
    skipped={"movie:604": NOW},
    stream_positions={"0 1-0": ENTRY_ID},
    finished=("movie:603",),
    blocked=("mei",),
    blocked_by=("kofi",),
    pull_list=("star",),
    following_count=3,
    reach="pull",
    active_at=NOW,
    choice_version=2,
    version=7,
)
# A public key whose private key nobody has.
MODULUS: Final = "u" + "Qk3Vn8x" * 48 + "Xz7Yw"
JWKS: Final = {
    "keys": [{"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": MODULUS, "e": "AQAB"}]
}
KEY_SET: Final = KeySet(orjson.dumps(JWKS), {}, NOW - 60.0, NOW + 3_600.0)


def make_item() -> Item:
    """Return an item in the database, with genres."""
    return ItemFactory.create(id="heat", title="Heat", tmdb_id=949, genres=("Drama", "Crime"))


SERVER: Final = Server("5681b6e9", "1795000000000-3", 40)
