"""Filters: each has a name, under which its drops are counted, and a rule. Pure.

Id filters run before facts are fetched, facts filters afterwards. A soft filter gives its candidates back when their
source's pool runs short.
"""

from collections.abc import Callable
from dataclasses import dataclass

from content.types import Facts
from feed.types import ChunkInputs


@dataclass(frozen=True, slots=True)
class IdFilter:
    """`drops` returns the ids that the filter drops."""

    name: str
    drops: Callable[[ChunkInputs], frozenset[str]]
    soft: bool = False


@dataclass(frozen=True, slots=True)
class FactsFilter:
    """`drops` returns whether the filter drops an item. An item without facts is dropped before, as `unpublished`."""

    name: str
    drops: Callable[[Facts, ChunkInputs], bool]


IN_SESSION = IdFilter("in_session", lambda inputs: inputs.session_items)
SEEN = IdFilter("seen", lambda inputs: inputs.seen)
RECENTLY_SERVED = IdFilter("recently_served", lambda inputs: inputs.recently_served, soft=True)

HIDDEN = FactsFilter("hidden", lambda facts, inputs: facts.hidden)
FINISHED = FactsFilter("finished", lambda facts, inputs: facts.title in inputs.finished)
UNPUBLISHED = "unpublished"
