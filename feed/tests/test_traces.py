"""A saved trace replays its chunk exactly."""

from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings

from core.redis.client import state_redis
from feed import keys, pipeline, recipe, traces
from feed.services import inspect
from feed.tests import world
from feed.tests.chunks import Case, cases
from feed.tests.plan_tools import plan_keys
from feed.types import Chunk
from finishd.testing.api import get_feed, get_item_ids, walk_feed


def replay(raw: bytes) -> tuple[Chunk, dict[str, Any]]:
    replayed = traces.replay_trace(raw)
    assert replayed is not None
    return replayed


@settings(deadline=None)
@given(cases())
def test_every_chunk_can_be_replayed_from_its_trace(case: Case) -> None:
    chunk = case.plan_chunk()
    replayed, trace = replay(traces.pack_trace(case.inputs, case.facts, chunk))
    assert replayed == chunk
    assert trace["recipe"] == recipe.VERSION
    assert trace["chunk"]["drops"] == chunk.drops


@given(cases())
def test_a_trace_does_not_depend_on_the_order_of_sets(case: Case) -> None:
    chunk = case.plan_chunk()
    raw = traces.pack_trace(case.inputs, case.facts, chunk)
    body = orjson.loads(raw)
    for name in ("finished", "skipped", "seen", "session_items", "recently_served"):
        assert body["inputs"][name] == sorted(getattr(case.inputs, name))


def get_traces(uid: str, session: str) -> list[bytes]:
    """Return the traces of a session, in the order of chunks."""
    pattern = keys.TRACE.name(viewer=uid, session=session, chunk="*")
    names = sorted(state_redis().scan_iter(match=pattern), key=lambda name: int(name.rpartition(b":")[2]))
    return [cast(bytes, state_redis().get(name)) for name in names]


@pytest.fixture
def _people() -> None:
    world.catalogue(600)
    world.build()
    world.choose("ama", "Drama", "Comedy")
    world.befriend("ama", range(100, 140))


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("feed", ["for_you", "trending"])
def test_traces_replay_every_slot_that_was_served(feed: str, settings: Any) -> None:
    settings.FEED_TRACE_PERCENT = 100
    get_feed("ama", limit=30)  # an earlier session, so that recently served items count too
    pages = walk_feed("ama", feed_type=feed, limit=100, pages=4, refresh="true")
    served = [
        (item["id"], item["source"], item["reason"], item["score"]) for page in pages for item in page["feed"]
    ]
    planned = []
    for raw in get_traces("ama", pages[0]["meta"]["session"]):
        chunk, trace = replay(raw)
        assert [slot._asdict() for slot in chunk.slots] == trace["chunk"].pop("slots")
        assert orjson.loads(orjson.dumps(replace(chunk, slots=()))) == {**trace["chunk"], "slots": []}
        planned += [(slot.id, slot.source, slot.reason, slot.score) for slot in chunk.slots]
    assert len(served) == 400
    assert planned[: len(served)] == served


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("_people")
def test_a_plan_that_replaces_a_lost_one_has_a_trace_too(settings: Any) -> None:
    settings.FEED_TRACE_PERCENT = 100
    first = get_feed("ama", limit=30)
    session = first["meta"]["session"]
    state_redis().delete(*plan_keys(session))
    second = get_feed("ama", limit=30, cursor=first["meta"]["cursor"])
    assert second["meta"]["planRebuilt"]
    chunks = [replay(raw)[0] for raw in get_traces("ama", session)]
    assert [[slot.id for slot in chunk.slots[:30]] for chunk in chunks] == [
        get_item_ids(first),
        get_item_ids(second),
    ]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("_people")
def test_sessions_that_are_not_sampled_have_no_trace(settings: Any) -> None:
    settings.FEED_TRACE_PERCENT = 0
    walk_feed("ama", limit=100, pages=4)
    assert not list(state_redis().scan_iter(match="trace:*"))


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("_people")
def test_a_preview_always_saves_its_trace_and_changes_no_session(settings: Any) -> None:
    settings.FEED_TRACE_PERCENT = 0
    before = get_feed("ama", limit=10)
    view = inspect.preview_plan("ama", "for_you", now=int(world.NOW.timestamp()))
    (raw,) = get_traces("ama", view.session)
    chunk, _ = replay(raw)
    assert [slot.id for slot in chunk.slots] == [slot.item for slot in view.slots]
    assert len(chunk.slots) == recipe.CHUNK_SIZE
    assert get_feed("ama", limit=10)["feed"] == before["feed"]
    assert pipeline.chunk_seed(view.session, 0) == view.receipts[0]["seed"]
