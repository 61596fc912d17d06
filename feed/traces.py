"""A full trace of a chunk: its inputs, facts and result, so that it can be replayed."""

from dataclasses import dataclass
from typing import Any

import orjson

from content.types import Facts
from core.codecs import decode
from feed import pipeline, recipe
from feed.feed_types import FEED_TYPES
from feed.types import Candidate, Chunk, ChunkInputs, FactsById, Slot


def pack_trace(inputs: ChunkInputs, facts: FactsById, chunk: Chunk) -> bytes:
    """Return inputs, facts and result as JSON."""
    body = {
        "recipe": recipe.VERSION,
        "inputs": {name: _to_jsonable(getattr(inputs, name)) for name in ChunkInputs.__slots__},
        "facts": list(facts.values()),
        "chunk": chunk,
    }
    return orjson.dumps(body, default=_to_object, option=orjson.OPT_NON_STR_KEYS)


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """The part of a trace from which its chunk is computed again."""

    inputs: ChunkInputs
    facts: tuple[Facts, ...]


def replay_trace(raw: bytes) -> tuple[Chunk, dict[str, Any]] | None:
    """Return the chunk computed again from a trace, and the parsed trace; None if the trace is unreadable.

    The chunk equals the one in the trace as long as the recipe is the one that made it.
    """
    stored = unpack_trace(raw)
    if stored is None:
        return None
    facts = {facts.id: facts for facts in stored.facts}
    inputs = stored.inputs
    chunk = pipeline.rank_and_mix(inputs, pipeline.make_shortlist(inputs), facts)
    return chunk, orjson.loads(raw)


def unpack_trace(raw: bytes) -> StoredTrace | None:
    """Return what a trace is replayed from, None if the trace is unreadable."""
    stored = decode(StoredTrace, raw)
    return stored if stored is not None and stored.inputs.feed in FEED_TYPES else None


def _to_object(value: Any) -> dict[str, Any]:
    """Return a named tuple by field names; orjson calls this for values that it cannot serialise."""
    if isinstance(value, Candidate | Facts | Slot):
        return value._asdict()
    raise TypeError(f"{type(value).__name__} is not supported in a trace")


def _to_jsonable(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value
