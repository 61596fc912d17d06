"""The sources of candidates: one entry here and one module with the entry's name each. This module is pure.

To add a source, add its entry here and write `feed/sources/<name>.py` with a function `read`; then name it in a feed
type in `feed/feed_types.py`. Shares and limits are part of the recipe: change `recipe.VERSION` with them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # these import Redis, and the pipeline imports this module
    from core.redis.reads import Read
    from feed.sources.base import RecallRequest
    from feed.types import Pool


@dataclass(frozen=True, slots=True)
class Source:
    """A source, with everything that the feed needs to know about it.

    `share` is the number of slots that the source owns among the sources of a feed type.
    `fallbacks` are the sources that take its slots when it is exhausted, in this order. The other sources of the feed
    type follow them.
    `fetch_limit` candidates are fetched, and `rank_limit` of them ranked, for a chunk. Both grow when filters leave a
    chunk short (see `RecallRequest.depth`).
    `makes_more_calls`: decoding its read may make further calls, for which the optional budget must suffice.
    `uses_timeline`: the source is incomplete while the viewer's timeline is being rebuilt.
    """

    name: str
    share: int
    fallbacks: tuple[str, ...]
    fetch_limit: int
    rank_limit: int
    makes_more_calls: bool = False
    uses_timeline: bool = False

    @property
    def read(self) -> "Callable[[RecallRequest], Read[Pool]]":
        """The function `read` of the source's module.

        It returns a read from the state Redis whose value is the source's pool, and makes no call itself. It is
        imported here, because the modules of sources are not pure.
        """
        function: Callable[[RecallRequest], Read[Pool]] = import_module(f"feed.sources.{self.name}").read
        return function


# Of a chunk of 200 slots, friends own 40, personalized 60 and trending 100. Rank limits are larger, so that fallbacks
# have candidates when a source is exhausted. Trending could fill a chunk alone and has a quarter more, for candidates
# that filters drop. Each ranked candidate costs about 6 µs of a first page.
FRIENDS: Final = Source(
    name="friends",
    share=2,
    fallbacks=("personalized", "trending"),
    fetch_limit=100,
    rank_limit=100,
    makes_more_calls=True,
    uses_timeline=True,
)
PERSONALIZED: Final = Source(
    name="personalized",
    share=3,
    fallbacks=("trending", "friends"),
    fetch_limit=400,
    rank_limit=110,
)
TRENDING: Final = Source(
    name="trending",
    share=5,
    fallbacks=("personalized", "friends"),
    fetch_limit=500,
    rank_limit=250,
)
FOLLOWING: Final = Source(
    name="following",
    share=1,
    fallbacks=(),
    fetch_limit=400,
    rank_limit=400,
    makes_more_calls=True,
    uses_timeline=True,
)

SOURCES: Final = (FRIENDS, PERSONALIZED, TRENDING, FOLLOWING)
