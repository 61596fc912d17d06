"""The recipe: the weights and limits that determine a plan.

Shares, fallbacks and limits of a source stand in its entry in `feed/sources/__init__.py`, the order of sources and
filters in `feed/feed_types.py`. If you change one of them or a number here, change `VERSION`: receipts and traces name
the version that made a plan.

Other numbers affect a plan only through its inputs, which a trace contains. What titles and events add to affinities
is in `activity/rules/` (`relations.py`, `events.py`, `affinities.py`) and `activity/services/affinity_gains.py`. How
often a build tries again when filters leave a chunk short, and how far it raises its limits, is in `feed/building.py`.
"""

from types import MappingProxyType
from typing import Final, NamedTuple

VERSION: Final = "2026-11-23.4"  # <date>.<number of the change on that date, from 1>

# --- plans ---
CHUNK_SIZE: Final = 200  # slots planned by one build
MAX_PLAN_SLOTS: Final = 2_000  # slots of a session
SHUFFLE_TIER_SIZE: Final = 20  # consecutive ranks of one source that are shuffled among themselves
MAX_GENRES_READ: Final = 8  # genre indexes that one build reads, the viewer's favourites first

# --- diversity, best effort within one source's slots ---
GENRE_WINDOW: Final = 5  # slots
MAX_PER_GENRE: Final = 3  # slots of one primary genre in a window
MAX_DISPLACEMENT: Final = 20  # slots that an item may move

# --- affinities ---
CHOSEN_AFFINITY: Final = 0.8  # of a genre that the viewer picked, unless a higher one was learned
DEFAULT_GENRES: Final = ("drama", "comedy", "action")  # for a viewer without affinities


class RankingWeights(NamedTuple):
    """The weight of each signal (0 to 1; boost -1 to 1) in a candidate's score."""

    rank: float = 0.45
    popularity: float = 0.10
    recency: float = 0.05
    affinity: float = 0.20
    social: float = 0.20
    boost: float = 0.25
    skipped: float = -0.30


RANKING_WEIGHTS: Final = RankingWeights()


class IndexWeights(NamedTuple):
    """The weight of each term (0 to 1; boost -1 to 1) in an item's score in the indexes."""

    engagement: float = 0.50
    # 40, 25 and 35 per cent of the other half
    popularity: float = 0.200
    rating: float = 0.125
    recency: float = 0.175
    boost: float = 0.50


INDEX_WEIGHTS: Final = IndexWeights()

# --- engagement ---
# The value of a viewer's vote, one per item and hour, for the strongest reaction. A view has a low value, because items
# of a high rank are viewed for their rank. A share has the value of a like, because it costs as little.
VOTE_WEIGHTS: Final = MappingProxyType(
    {"view": 0.5, "skip": -1.0, "complete": 1.5, "save": 2.0, "like": 3.0, "share": 3.0}
)
# Short, because the votes of a viewer who returns every hour add up: to 1 / (1 - 0.5^(1/6)) = 9.2 votes at most.
ENGAGEMENT_HALF_LIFE: Final = 6 * 3_600  # seconds
ENGAGEMENT_WINDOW: Final = 48 * 3_600  # seconds; older votes weigh less than 1/256 and are not read
# Votes without value that every item starts with. 100 new likes are 300 / (300 + 100) = 0.75 and lead any index; one
# viewer who votes every hour is 27.5 / (27.5 + 100) = 0.22.
ENGAGEMENT_PRIOR: Final = 100.0

# --- signals ---
POPULARITY_FULL: Final = 500.0  # TMDB popularity at which the signal is 1 (log scale)
# Few votes pull a rating towards the catalogue's mean: the weighted rating that IMDb published
# for its Top 250, (v·R + m·C) / (v + m), with m votes of prior weight and C the prior mean.
RATING_PRIOR_VOTES: Final = 200
RATING_PRIOR_MEAN: Final = 6.4
RELEASE_HALF_LIFE_DAYS: Final = 3 * 365  # for the time since a title's release
ARRIVAL_HALF_LIFE_DAYS: Final = 14  # for the time since an item was published here
ACTIVITY_HALF_LIFE: Final = 7 * 86_400  # seconds, for the time since a followee's activity
SCORE_DIGITS: Final = 6

# --- reasons ---
# The strongest verb among a title's supporters names the reason, the first being the strongest.
REASON_VERBS: Final = (
    # status or "liked", for one friend, for several
    ("liked", "liked this", "liked this"),
    ("finished", "watched this", "watched this"),
    ("watching", "is watching this", "are watching this"),
    ("watchlist", "wants to watch this", "want to watch this"),
)
NAMELESS: Final = "Someone you follow"  # in the place of a name
MAX_REASON_NAME: Final = 40  # characters; a reason is one line on a phone
FRIENDS_SHOWN: Final = 20  # supporters that an item of the following feed lists
MAX_LOW_RATING: Final = 2  # a rating up to this is no recommendation

# --- indexes ---
MAX_INDEX_ITEMS: Final = 20_000
OLDER_GENERATIONS_KEPT: Final = 3
MIN_SIZE_RATIO: Final = 0.5  # a trending index below this share of the previous one is refused
