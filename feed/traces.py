"""A full trace of a chunk: its inputs, facts and result, so that it can be replayed."""

from dataclasses import dataclass
from typing import Any

import orjson

from content.types import Facts
from core.codecs import convert, decode
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


@dataclass(frozen=True, slots=True)
class _TraceObjects:
    """A trace before its named tuples are made: they are JSON objects in it."""

    inputs: dict[str, Any]
    facts: list[dict[str, Any]]


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
    body = decode(_TraceObjects, raw)
    pools = convert(list[dict[str, Any]], body.inputs.get("pools")) if body else None
    if body is None or pools is None:
        return None
    listed = [{**pool, "candidates": _to_lists(Candidate, pool.get("candidates", []))} for pool in pools]
    inputs = {**body.inputs, "pools": listed}
    stored = convert(StoredTrace, {"inputs": inputs, "facts": _to_lists(Facts, body.facts)})
    return stored if stored is not None and stored.inputs.feed in FEED_TYPES else None


def _to_object(value: Any) -> dict[str, Any]:
    """Return a named tuple by field names; orjson calls this for values that it cannot serialise."""
    if isinstance(value, Candidate | Facts | Slot):
        return value._asdict()
    raise TypeError(f"{type(value).__name__} is not supported in a trace")


def _to_lists(kind: type[Candidate | Facts], objects: Any) -> Any:
    """Return objects as lists in the order of a named tuple's fields, None if they are not a list of objects."""
    found = convert(list[dict[str, Any]], objects)
    if found is None:
        return None
    defaults = kind._field_defaults
    return [[each.get(name, defaults.get(name)) for name in kind._fields] for each in found]


def _to_jsonable(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value
