"""The feed's recipe: every weight, share and size that decides what people see.

Change a number here and `VERSION` with it: receipts and traces name the version
that made a plan. Nothing else in the project holds such numbers.
"""

from types import MappingProxyType
from typing import Final, NamedTuple

VERSION: Final = "2026-11-23.4"

TRENDING: Final = "trending"
PERSONALIZED: Final = "personalized"
FRIENDS: Final = "friends"
FOLLOWING: Final = "following"  # the source of the feed type of that name

# --- mixing ---
# Slots in every ten. The phone shows what `shares` promises; tests hold every prefix to it.
SHARES: Final = MappingProxyType({TRENDING: 5, PERSONALIZED: 3, FRIENDS: 2})
# Whose an item is when several sources find it.
OWNERSHIP: Final = (FRIENDS, PERSONALIZED, TRENDING)
# Who takes the slots of a source that has run dry, in this order.
HEIRS: Final = MappingProxyType(
    {
        FRIENDS: (PERSONALIZED, TRENDING),
        PERSONALIZED: (TRENDING, FRIENDS),
        TRENDING: (PERSONALIZED, FRIENDS),
    }
)

# --- plans ---
CHUNK: Final = 200  # slots planned at once
PLAN_LIMIT: Final = 2_000  # slots of a session
TIER: Final = 20  # consecutive ranks of one source that are shuffled among themselves

# Candidates fetched, and those kept for ranking, per source and chunk. The kept ones are more than a
# chunk's share (100, 60, 40), so that a dry neighbour's slots find takers; trending could fill it alone, and has a
# quarter more for what facts drop. Each costs some 6 µs of a first page.
FETCHED: Final = MappingProxyType({TRENDING: 500, PERSONALIZED: 400, FRIENDS: 100, FOLLOWING: 400})
KEPT: Final = MappingProxyType({TRENDING: 250, PERSONALIZED: 110, FRIENDS: 100, FOLLOWING: 400})
GENRES_READ: Final = 8  # genre indexes that one plan reads, the viewer's dearest first

# --- diversity, best effort within one source's slots ---
GENRE_WINDOW: Final = 5
GENRE_MOST: Final = 3  # of one primary genre in any window
DISPLACEMENT: Final = 20  # slots that an item may move

# --- a viewer's taste ---
CHOSEN_AFFINITY: Final = 0.8  # of a genre that the viewer picked, if nothing higher was learned
DEFAULT_GENRES: Final = ("drama", "comedy", "action")  # of a viewer who picked none


class Weights(NamedTuple):
    """What each signal (0 to 1; boost -1 to 1) adds to a candidate's score; what a skipped title's items lose."""

    rank: float = 0.45
    popularity: float = 0.10
    recency: float = 0.05
    affinity: float = 0.20
    social: float = 0.20
    boost: float = 0.25
    skipped: float = -0.30


RANKER: Final = Weights()


class IndexWeights(NamedTuple):
    """What each term (0 to 1; boost -1 to 1) adds to an item's place in the indexes."""

    engagement: float = 0.50
    # Of the other half 40, 25 and 35 in a hundred.
    popularity: float = 0.200
    rating: float = 0.125
    recency: float = 0.175
    boost: float = 0.50


INDEX: Final = IndexWeights()

# --- engagement ---
# What a viewer's vote for an item is worth: they have one an hour, for the strongest thing they did. A view is worth
# little, since what ranks high is viewed because it ranks high; a share no more than a like, since it is as cheap.
VOTES: Final = MappingProxyType(
    {"view": 0.5, "skip": -1.0, "complete": 1.5, "save": 2.0, "like": 3.0, "share": 3.0}
)
# Short, because whoever comes back with a vote every hour adds up: to 1 / (1 - 0.5^(1/6)) = 9.2 votes and no more.
ENGAGEMENT_HALF_LIFE: Final = 6 * 3_600  # seconds
ENGAGEMENT_WINDOW: Final = 48 * 3_600  # older votes weigh less than 1/256 and are not read
# Votes of no worth that every item has from the start. 100 fresh likes are 300 / (300 + 100) = 0.75 and lead any
# index; one viewer who never stops is 27.5 / (27.5 + 100) = 0.22.
ENGAGEMENT_PRIOR: Final = 100.0

# --- signals ---
POPULARITY_FULL: Final = 500.0  # TMDB popularity at which the signal is 1 (log scale)
# Few votes pull a rating towards the catalogue's mean: the weighted rating that IMDb published
# for its Top 250, (v·R + m·C) / (v + m), with m votes of prior weight and C the prior mean.
RATING_PRIOR_VOTES: Final = 200
RATING_PRIOR_MEAN: Final = 6.4
RELEASE_HALF_LIFE_DAYS: Final = 3 * 365  # of a title's news value
ARRIVAL_HALF_LIFE_DAYS: Final = 14  # of an item's own, since it was published here
SCORE_DIGITS: Final = 6

# --- reasons ---
# The strongest verb of a title's supporters names the reason.
VERBS: Final = (
    # deed, of one friend, of several
    ("liked", "liked this", "liked this"),
    ("finished", "watched this", "watched this"),
    ("watching", "is watching this", "are watching this"),
    ("watchlist", "wants to watch this", "want to watch this"),
)
FRIENDS_SHOWN: Final = 20  # supporters that an item of the following feed lists
LOW_RATING: Final = 2  # a rating up to this recommends nothing

# --- indexes ---
INDEX_CAP: Final = 20_000
GENERATIONS_KEPT: Final = 3  # besides the current one
SHRINK_REFUSED: Final = 0.5  # a trending index below this share of the last one is refused
