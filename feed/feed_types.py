"""The feed types: which sources and filters each has, and how its plans are made. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from feed import filters, recipe
from feed.sources import FOLLOWING, FRIENDS, PERSONALIZED, TRENDING, Source


@dataclass(frozen=True)
class FeedType:
    """A feed type.

    The order of `sources` decides ownership: an item that several sources find belongs to the first of them. So a
    source that finds nearly every item comes last, or the sources after it have no items.
    `is_personal`: plans are ranked for the viewer, shuffled in tiers and diversified; otherwise slots keep the order
    of the source. `new_session_per_request`: every request without a cursor starts a session. A build plans
    `chunk_size` slots.
    """

    name: str
    sources: tuple[Source, ...]
    id_filters: tuple[filters.IdFilter, ...]
    facts_filters: tuple[filters.FactsFilter, ...]
    is_personal: bool
    new_session_per_request: bool = False
    chunk_size: int = recipe.CHUNK_SIZE

    @cached_property
    def shares(self) -> Mapping[str, int]:
        """Source → share, the largest share first: `mixing.share_pattern` gives it the slot when sources tie."""
        by_share = sorted(self.sources, key=lambda source: -source.share)
        return {source.name: source.share for source in by_share}

    @cached_property
    def fallbacks(self) -> Mapping[str, tuple[str, ...]]:
        """Source → the other sources of this feed type, which take its slots in this order when it is exhausted.

        Those that the source names come first, then the rest in the order of `sources`.
        """
        names = [source.name for source in self.sources]
        return {
            source.name: tuple(
                name
                for name in dict.fromkeys((*source.fallbacks, *names))
                if name in names and name != source.name
            )
            for source in self.sources
        }

    @cached_property
    def uses_timeline(self) -> bool:
        return any(source.uses_timeline for source in self.sources)


FOR_YOU: Final = FeedType(
    name="for_you",
    sources=(FRIENDS, PERSONALIZED, TRENDING),
    id_filters=(filters.IN_SESSION, filters.SEEN, filters.RECENTLY_SERVED),
    facts_filters=(filters.HIDDEN, filters.FINISHED),
    is_personal=True,
)
# In the order of the index, the same for every viewer.
TRENDING_FEED: Final = FeedType(
    name="trending",
    sources=(TRENDING,),
    id_filters=(filters.IN_SESSION,),
    facts_filters=(filters.HIDDEN,),
    is_personal=False,
)
# The activities of followees at the time of the request, newest first. One chunk holds all of them: later activities
# belong to the next session.
FOLLOWING_FEED: Final = FeedType(
    name="following",
    sources=(FOLLOWING,),
    id_filters=(filters.IN_SESSION,),
    facts_filters=(),
    is_personal=False,
    new_session_per_request=True,
    chunk_size=FOLLOWING.fetch_limit,
)

FEED_TYPES: Final[Mapping[str, FeedType]] = {
    feed_type.name: feed_type for feed_type in (FOR_YOU, TRENDING_FEED, FOLLOWING_FEED)
}
