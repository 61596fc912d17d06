"""Documents that another version wrote: what it added stays, and what is unreadable costs nothing else."""

from typing import Any

import pytest

from activity.store.firestore import FirestoreStore, layout
from activity.tests.store_contract import LIKED, record
from activity.types import Job, TimelineRow

NOW = 1_795_000_000

pytestmark = pytest.mark.usefixtures("firestore")


def get(ref: Any) -> dict[str, Any]:
    document: dict[str, Any] = ref.get().to_dict()
    return document


def test_a_change_keeps_unknown_and_unreadable_fields_of_a_person() -> None:
    store = FirestoreStore()
    store.save_name("ama", "Ama", None)
    layout.person("ama").update({"a_newer_field": {"a": 1}, "reach": "a newer reach", "likings": b"\xff"})
    profile = store.get_profile("ama")
    assert profile is not None
    assert (profile.name, profile.reach, profile.affinities) == ("Ama", "push", {})
    assert store.save_name("ama", "Ama B.", None).name == "Ama B."
    document = get(layout.person("ama"))
    assert (document["name"], document["a_newer_field"]) == ("Ama B.", {"a": 1})
    assert (document["reach"], document["likings"]) == ("a newer reach", b"\xff")


def test_unknown_fields_are_ignored_in_every_collection() -> None:
    store = FirestoreStore()
    recorded = record(store, "ama", "movie:603", LIKED)
    row = TimelineRow("ama", "movie:603", NOW, favorite=True)
    store.put_timeline_rows([("kofi", row)])
    newer = {"a_newer_field": [1]}
    layout.activity("ama", "movie:603").update(newer)
    layout.row("kofi", "ama", "movie:603").update(newer)
    layout.job("deliver", "ama", "movie:603").update(newer)
    assert store.get_activity("ama", "movie:603") == recorded.activity
    assert store.get_timeline("kofi") == [row]
    assert [job.kind for job in store.get_oldest_jobs()] == ["deliver"]


def test_unreadable_documents_are_left_out() -> None:
    store = FirestoreStore()
    for title in ("movie:1", "movie:2"):
        record(store, "ama", title, LIKED)
        store.put_timeline_rows([("kofi", TimelineRow("ama", title, NOW))])
    layout.activity("ama", "movie:1").update({"version": "one"})
    layout.row("kofi", "ama", "movie:1").update({"favorite": "yes"})
    layout.job("deliver", "ama", "movie:1").update({"kind": "a newer kind"})
    assert [activity.title for activity in store.get_activities("ama")] == ["movie:2"]
    assert store.get_activity("ama", "movie:1") is None
    assert [row.title for row in store.get_timeline("kofi")] == ["movie:2"]
    assert [job.target for job in store.get_due_jobs(now=2 * NOW)] == ["movie:2"]
    assert store.get_job("deliver", "ama", "movie:1") is None
    assert record(store, "ama", "movie:1", LIKED).changed
    assert store.get_activity("ama", "movie:1") is not None
    store.put_job(Job("deliver", "ama", "movie:1"))
    assert store.get_job("deliver", "ama", "movie:1") is not None


def test_unreadable_seen_history_and_preferences_are_empty() -> None:
    store = FirestoreStore()
    layout.seen("ama").set({"uid": "ama", "items": b"\xff"})
    assert store.get_seen("ama") == {}
    layout.seen("ama").set({"uid": "ama", "items": b'{"a": "newer format"}'})
    assert store.get_seen("ama") == {}
