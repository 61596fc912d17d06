"""Every stored format, with a function that writes a sample and one that reads bytes of any version."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
from django.test import override_settings

from activity import tasks as activity_tasks
from activity import timeline_cache
from activity.models import PendingHistory
from activity.services import lag, names, pending_history, profiles
from activity.store.firestore import activities, jobs, layout, people, person, timelines
from analytics import dedup, event_format, keys
from analytics import tasks as analytics_tasks
from analytics.stream import Server
from content import card_format
from content.services import titles
from core.auth import keyset
from core.codecs import load_json
from core.errors import ApiError
from core.redis.client import state_redis
from core.redis.versioned import pack_versioned, unpack_versioned
from feed import cursor, plan_format, served_lists, stored_plans, traces
from feed.indexes import IndexPointer
from feed.plan_format import PlanHeader, SessionPointer
from finishd.celery import app
from finishd.privacy import tasks as privacy_tasks
from finishd.tests import format_samples as samples

# What may follow in a value of a newer version: a field of an object, an item of a list, or a word of a text.
Surplus = Literal["field", "item", "word", "none"]
_DEDUP_RING: Final = keys.DEDUP_RING.name(partition=samples.DEDUP_KEY[0])
_DEDUP_WINDOW: Final = keys.DEDUP_KEYS.name(partition=samples.DEDUP_KEY[0], window=0)


@dataclass(frozen=True, slots=True)
class StoredFormat:
    """A stored format. `read` returns None or an empty value for what it cannot read."""

    name: str
    write: Callable[[], bytes]
    read: Callable[[bytes], Any]
    surplus: Surplus = "field"


def _read_cursor_body(raw: bytes) -> Any:
    """Sign a body as this version does, and verify the cursor."""
    with override_settings(SECRET_KEY="golden"):
        return _read_cursor(cursor._signer("ama").sign_object(load_json(raw)).encode())


def _read_cursor(raw: bytes) -> Any:
    """Verify a cursor. None if it is a 400."""
    text = raw.decode(errors="replace")
    with override_settings(SECRET_KEY="golden"):
        try:
            return cursor.verify(text, viewer="ama", feed="for_you", now=samples.NOW)
        except ApiError:
            return None


def _write_cursor() -> bytes:
    with override_settings(SECRET_KEY="golden"):
        return cursor.sign(samples.CURSOR, viewer="ama").encode()


def _write_cursor_body() -> bytes:
    with override_settings(SECRET_KEY="golden"):
        return orjson.dumps(cursor._signer("ama").unsign_object(_write_cursor().decode()))


def _read_card(raw: bytes) -> Any:
    payload = unpack_versioned(raw)
    card = card_format.unpack_card("heat", payload) if payload else None
    return card and orjson.loads(card)


def _read_facts(raw: bytes) -> Any:
    payload = unpack_versioned(raw)
    return card_format.unpack_facts("heat", payload) if payload else None


def _read_event(raw: bytes) -> Any:
    try:
        return event_format.unpack(samples.ENTRY_ID, raw)
    except ValueError:
        return None


def _read_key_set(raw: bytes) -> Any:
    try:
        found = keyset.unpack(raw, now=samples.NOW)
    except keyset.BadKeySet:
        return None
    return [sorted(found.keys), found.fetched_at, found.fresh_until]


def _write_row() -> bytes:
    member, score = timeline_cache.encode_row(samples.ROW)
    return f"{score} {member}".encode()


def _read_row(raw: bytes) -> Any:
    score, _, member = raw.partition(b" ")
    try:
        return timeline_cache.decode_row(member, float(score))
    except ValueError:  # Redis has numbers as scores
        return None


def _read_pending(raw: bytes) -> Any:
    row = PendingHistory(uid="ama", stream="0 1-0", end_id=samples.ENTRY_ID, delta=load_json(raw))
    return pending_history.to_delta(row)


def _write_document(document: dict[str, Any]) -> bytes:
    """Return a Firestore document as JSON: packed maps are objects with the one field `packed`."""
    packed = {
        name: {"packed": value.decode()} if isinstance(value, bytes) else value
        for name, value in document.items()
    }
    return orjson.dumps(packed)


def _read_document(raw: bytes) -> dict[str, Any]:
    document = load_json(raw)
    return {
        name: value["packed"].encode()
        if isinstance(value, dict) and isinstance(value.get("packed"), str)
        else value
        for name, value in (document if isinstance(document, dict) else {}).items()
    }


def _message(task: Any, *args: Any) -> StoredFormat:
    """Return the format of the messages that start a task: its arguments."""
    body = {"task": task.name, "args": args, "kwargs": {}}
    return StoredFormat(f"message-{task.name.rpartition('.')[2]}", lambda: orjson.dumps(body), _read_message)


def _read_message(raw: bytes) -> Any:
    """Return the arguments that a worker would call the task of a message with."""
    message = load_json(raw)
    if not isinstance(message, dict) or not isinstance(task := message.get("task"), str):
        return None
    arguments, options = message.get("args"), message.get("kwargs")
    if task not in app.tasks or not isinstance(arguments, list) or not isinstance(options, dict):
        return None
    try:
        bound = inspect.signature(app.tasks[task].run).bind(*arguments, **options)
    except TypeError:  # the worker logs it; the sweep queues the job again
        return None
    return dict(bound.arguments)


def _write_dedup_value() -> bytes:
    dedup.register([dedup.DedupEntry(samples.DEDUP_KEY, "0/1-0", 20)], now=samples.NOW)
    value: Any = state_redis().hget(_DEDUP_WINDOW, samples.DEDUP_KEY)
    return bytes(value)


def _read_dedup_value(raw: bytes) -> Any:
    """Return what an event of a lower, and one of a higher rank than the sample's get from the stored value."""
    found = []
    for rank in (10, 40):
        state_redis().hset(_DEDUP_RING, mapping={"newest": 0, "since": samples.NOW})
        state_redis().hset(_DEDUP_WINDOW, samples.DEDUP_KEY, raw)
        found += dedup.register([dedup.DedupEntry(samples.DEDUP_KEY, "0/2-0", rank)], now=samples.NOW)
    return found


FORMATS: Final = (
    StoredFormat(
        "session-pointer", lambda: samples.POINTER.packed().encode(), SessionPointer.unpacked, surplus="word"
    ),
    StoredFormat("plan-header", samples.HEADER.packed, PlanHeader.unpacked),
    StoredFormat(
        "plan-tail", lambda: plan_format.pack_tail(samples.TAIL), plan_format.unpack_tail, surplus="none"
    ),
    StoredFormat("plan-slot", lambda: plan_format.pack_slots([samples.SLOT])[0], plan_format.unpack_slot),
    StoredFormat("plan-receipt", lambda: orjson.dumps(samples.RECEIPT), stored_plans.unpack_receipt),
    StoredFormat("served-entry", lambda: b"session item", served_lists.split_entry, surplus="word"),
    StoredFormat("cursor", _write_cursor, _read_cursor, surplus="none"),
    StoredFormat("cursor-body", _write_cursor_body, _read_cursor_body, surplus="item"),
    StoredFormat("index-pointer", samples.INDEX_POINTER.packed, IndexPointer.unpacked),
    StoredFormat(
        "trace",
        lambda: traces.pack_trace(samples.INPUTS, {"heat": samples.FACTS}, samples.CHUNK),
        traces.unpack_trace,
    ),
    StoredFormat(
        "profile",
        lambda: pack_versioned(7, profiles.pack(samples.PROFILE, server="5681b6e9")),
        lambda raw: profiles.unpack("ama", raw),
    ),
    StoredFormat("name", lambda: names.pack(("Ama", None)), names.unpack, surplus="item"),
    StoredFormat("card", lambda: pack_versioned(3, card_format.render_card(samples.make_item())), _read_card),
    StoredFormat(
        "facts",
        lambda: pack_versioned(3, card_format.pack_facts(samples.FACTS)),
        _read_facts,
        surplus="item",
    ),
    StoredFormat("title-items", lambda: titles.pack(["heat", "clip"]), titles.unpack, surplus="none"),
    StoredFormat("timeline-row", _write_row, _read_row, surplus="none"),
    StoredFormat("delivery-lag", lambda: b"1795000000.000 1.250", lag.parse_duration, surplus="word"),
    StoredFormat("event", lambda: event_format.pack(samples.EVENT), _read_event, surplus="item"),
    StoredFormat("stream-server", str(samples.SERVER).encode, Server.parsed, surplus="word"),
    StoredFormat("dedup-value", _write_dedup_value, _read_dedup_value, surplus="none"),
    StoredFormat(
        "pending-history", lambda: orjson.dumps(pending_history.to_document(samples.DELTA)), _read_pending
    ),
    StoredFormat("key-set", lambda: keyset.pack(samples.KEY_SET), _read_key_set),
    _message(activity_tasks.deliver, "ama", "movie:603", 3),
    _message(activity_tasks.recheck, "ama", "movie:603", 3),
    _message(activity_tasks.backfill, "ama", "kofi", 0),
    _message(activity_tasks.purge, "ama", "kofi", 0),
    _message(activity_tasks.rebuild, "ama", "", 0),
    _message(activity_tasks.change_reach, "ama", "", 0),
    _message(activity_tasks.read_shard_history, 0),
    _message(analytics_tasks.count_shard, 0),
    _message(privacy_tasks.erase, 1),
    StoredFormat(
        "document-person",
        lambda: _write_document(person.to_document(samples.PERSON)),
        lambda raw: person.from_document("ama", _read_document(raw)),
    ),
    StoredFormat(
        "document-activity",
        lambda: _write_document(activities.to_document(samples.ACTIVITY)),
        lambda raw: activities.from_document(_read_document(raw)),
    ),
    StoredFormat(
        "document-row",
        lambda: _write_document(timelines.to_document("ama", samples.ROW)),
        lambda raw: timelines.from_document(_read_document(raw)),
    ),
    StoredFormat(
        "document-job",
        lambda: _write_document(jobs.to_document(samples.JOB)),
        lambda raw: jobs.from_document(_read_document(raw)),
    ),
    StoredFormat(
        "document-seen", lambda: people.pack_seen([("heat", 5)]), people.unpack_seen, surplus="none"
    ),
    StoredFormat("document-map", lambda: layout.pack_map({"drama": 0.5}), layout.unpack_map, surplus="none"),
)
