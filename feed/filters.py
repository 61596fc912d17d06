"""Filters: each a name, which a drop is recorded under, and what it drops. Pure.

The first kind looks at ids, before facts are fetched; the second at facts. A soft
filter's drops come back when their source's pool runs short.
"""

from collections.abc import Callable
from dataclasses import dataclass

from content.types import Facts
from feed.types import ChunkInputs


@dataclass(frozen=True, slots=True)
class IdFilter:
    """`drops` are the ids that it drops."""

    name: str
    drops: Callable[[ChunkInputs], frozenset[str]]
    soft: bool = False


@dataclass(frozen=True, slots=True)
class FactsFilter:
    """Without facts an item is not published: that drop has the name `unpublished` and needs no filter."""

    name: str
    drops: Callable[[Facts, ChunkInputs], bool]


IN_SESSION = IdFilter("in_session", lambda inputs: inputs.taken)
SEEN = IdFilter("seen", lambda inputs: inputs.seen)
SERVED_LATELY = IdFilter("served_lately", lambda inputs: inputs.lately, soft=True)

HIDDEN = FactsFilter("hidden", lambda facts, inputs: facts.hidden)
FINISHED = FactsFilter("finished", lambda facts, inputs: facts.title in inputs.finished)
UNPUBLISHED = "unpublished"
