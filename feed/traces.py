"""A full trace of a planned chunk: everything it was made from, so that it can be made again."""

from typing import Any

import orjson

from content.types import Facts
from feed import pipeline, recipe
from feed.types import Candidate, Chunk, ChunkInputs, FactsById, Pool, Slot


def pack(inputs: ChunkInputs, facts: FactsById, chunk: Chunk) -> bytes:
    """JSON of inputs, facts and result."""
    body = {
        "recipe": recipe.VERSION,
        "inputs": {name: _plain(getattr(inputs, name)) for name in ChunkInputs.__slots__},
        "facts": list(facts.values()),
        "chunk": chunk,
    }
    return orjson.dumps(body, default=_named, option=orjson.OPT_NON_STR_KEYS)


def replay(raw: bytes) -> tuple[Chunk, dict[str, Any]]:
    """The chunk made again from the trace, and the trace as it was kept.

    Equal to the kept one exactly as long as the recipe is the one that made it.
    """
    trace: dict[str, Any] = orjson.loads(raw)
    inputs = _inputs(trace["inputs"])
    facts = {f["id"]: Facts(**{**f, "genres": tuple(f["genres"])}) for f in trace["facts"]}
    return pipeline.plan(inputs, pipeline.shortlist(inputs), facts), trace


def _named(value: Any) -> dict[str, Any]:
    """Candidates, facts and slots, which are tuples for speed, by the names of their fields."""
    if isinstance(value, Candidate | Facts | Slot):
        return value._asdict()
    raise TypeError(f"{type(value).__name__} has no form in a trace")


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _inputs(kept: dict[str, Any]) -> ChunkInputs:
    pools = tuple(
        Pool(**{**pool, "candidates": tuple(Candidate(**c) for c in pool["candidates"])})
        for pool in kept["pools"]
    )
    sets = {name: frozenset(kept[name]) for name in ("finished", "skipped", "seen", "taken", "lately")}
    tail = tuple((title, genre) for title, genre in kept["tail"])
    return ChunkInputs(**{**kept, **sets, "pools": pools, "tail": tail})
