"""A full trace of a chunk: its inputs, facts and result, so that it can be replayed."""

from typing import Any

import orjson

from content.types import Facts
from feed import pipeline, recipe
from feed.types import Candidate, Chunk, ChunkInputs, FactsById, Pool, Slot


def pack_trace(inputs: ChunkInputs, facts: FactsById, chunk: Chunk) -> bytes:
    """Return inputs, facts and result as JSON."""
    body = {
        "recipe": recipe.VERSION,
        "inputs": {name: _to_jsonable(getattr(inputs, name)) for name in ChunkInputs.__slots__},
        "facts": list(facts.values()),
        "chunk": chunk,
    }
    return orjson.dumps(body, default=_to_object, option=orjson.OPT_NON_STR_KEYS)


def replay_trace(raw: bytes) -> tuple[Chunk, dict[str, Any]]:
    """Return the chunk computed again from a trace, and the parsed trace.

    The chunk equals the one in the trace as long as the recipe is the one that made it.
    """
    trace: dict[str, Any] = orjson.loads(raw)
    inputs = _parse_inputs(trace["inputs"])
    facts = {f["id"]: Facts(**{**f, "genres": tuple(f["genres"])}) for f in trace["facts"]}
    return pipeline.rank_and_mix(inputs, pipeline.make_shortlist(inputs), facts), trace


def _to_object(value: Any) -> dict[str, Any]:
    """Return a named tuple by field names; orjson calls this for values that it cannot serialise."""
    if isinstance(value, Candidate | Facts | Slot):
        return value._asdict()
    raise TypeError(f"{type(value).__name__} is not supported in a trace")


def _to_jsonable(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _parse_inputs(body: dict[str, Any]) -> ChunkInputs:
    pools = tuple(
        Pool(**{**pool, "candidates": tuple(Candidate(**c) for c in pool["candidates"])})
        for pool in body["pools"]
    )
    set_fields = ("finished", "skipped", "seen", "session_items", "recently_served")
    sets = {name: frozenset(body[name]) for name in set_fields}
    preceding = tuple((title, genre) for title, genre in body["preceding"])
    return ChunkInputs(**{**body, **sets, "pools": pools, "preceding": preceding})
