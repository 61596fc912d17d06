"""firestore.indexes.json: the emulator answers any query, production only what an index serves."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from activity.store.firestore import FirestoreStore
from activity.tests.firestore_wire import Recorder
from activity.tests.test_firestore_calls import USES, rpcs  # noqa: F401
from activity.tests.test_store_bounds import furnish

SHIPPED: dict[str, Any] = json.loads(Path(settings.BASE_DIR, "firestore.indexes.json").read_text())
ASCENDING, DESCENDING, CONTAINS = "ASCENDING", "DESCENDING", "CONTAINS"
EQUALITIES = {"EQUAL", "IN"}


@dataclass(frozen=True)
class Need:
    """The index that a query reads: fields held equal in any order, then fields in order."""

    group: str
    scope: str
    equal: frozenset[str]
    ordered: tuple[tuple[str, str], ...]

    @property
    def fields(self) -> set[str]:
        return {*self.equal, *(field for field, _ in self.ordered)}


@dataclass(frozen=True)
class Index:
    group: str
    scope: str
    fields: tuple[tuple[str, str], ...]

    def serves(self, need: Need) -> bool:
        """A field held equal is read from an index of either direction; array fields only from CONTAINS."""
        if (self.group, self.scope) != (need.group, need.scope) or len(self.fields) != len(need.fields):
            return False
        head = self.fields[: len(need.equal)]
        held = {field for field, direction in head if direction != CONTAINS}
        return held == need.equal and self.fields[len(need.equal) :] == need.ordered


def shipped() -> set[Index]:
    composite = {
        Index(i["collectionGroup"], i["queryScope"], tuple((f["fieldPath"], f["order"]) for f in i["fields"]))
        for i in SHIPPED["indexes"]
    }
    single = {
        Index(
            o["collectionGroup"],
            i["queryScope"],
            ((o["fieldPath"], i.get("order") or i["arrayConfig"]),),
        )
        for o in SHIPPED["fieldOverrides"]
        for i in o["indexes"]
    }
    return composite | single


def need_of(query: Any) -> Need | None:
    """What a `StructuredQuery` needs; None if it is read in the order of names."""
    (source,) = query.from_
    filters = [f.field_filter for f in query.where.composite_filter.filters] or [query.where.field_filter]
    by_field = [(f.field.field_path, f.op.name) for f in filters if f.field.field_path]
    equal = frozenset(field for field, op in by_field if op in EQUALITIES)
    orders = [(o.field.field_path, o.direction.name) for o in query.order_by]
    ordered = [(field, CONTAINS) for field, op in by_field if op == "ARRAY_CONTAINS"]
    ordered += [(field, direction) for field, direction in orders if field != "__name__"]
    uneven = {field for field, op in by_field if op not in EQUALITIES | {"ARRAY_CONTAINS"}}
    assert uneven <= {field for field, _ in ordered}, "an inequality orders by its field"
    scope = "COLLECTION_GROUP" if source.all_descendants else "COLLECTION"
    return Need(source.collection_id, scope, equal, tuple(ordered)) if equal or ordered else None


@pytest.fixture
def needs(rpcs: Recorder) -> set[Need]:  # noqa: F811
    store = FirestoreStore()
    furnish(store)
    for use in USES.values():
        use(store)
    store.get_follower_uids("ama", after="p1")
    queries = [rpc.arguments["request"] for rpc in rpcs.made if rpc.name == "run_query"]
    structured = [request["structured_query"] for request in queries]
    counts = [rpc.arguments["request"] for rpc in rpcs.made if rpc.name == "run_aggregation_query"]
    structured += [request["structured_aggregation_query"].structured_query for request in counts]
    assert len(structured) > 20
    return {need for query in structured if (need := need_of(query))}


def test_every_query_has_its_index_and_every_index_its_query(needs: set[Need]) -> None:
    unserved = [need for need in needs if not any(index.serves(need) for index in shipped())]
    assert unserved == []
    idle = [index for index in shipped() if not any(index.serves(need) for need in needs)]
    assert idle == []


def test_nothing_else_is_indexed() -> None:
    """Firestore indexes every field of every document unless told not to: each a write more, some of them hot."""
    exempt = {
        o["collectionGroup"] for o in SHIPPED["fieldOverrides"] if o["fieldPath"] == "*" and not o["indexes"]
    }
    assert exempt == {"people", "activities", "preferences", "seen", "follows", "rows", "jobs"}


def test_no_hot_field_is_indexed_unsharded() -> None:
    """Times only grow; an index that begins with one takes 500 writes a second at most.

    Under `people/{uid}` and `timelines/{viewer}` it is one person's index.
    """
    hot = {"at", "due", "recorded_at", "feed_order_at"}
    begin = {(index.group, index.fields[0][0]) for index in shipped()}
    assert {(group, field) for group, field in begin if field in hot} == {
        ("activities", "feed_order_at"),
        ("rows", "at"),
    }
