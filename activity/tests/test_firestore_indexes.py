"""firestore.indexes.json: the emulator answers any query, production only queries that have an index."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from activity.store.firestore import FirestoreStore
from activity.tests.firestore_wire import Recorder
from activity.tests.test_firestore_calls import USES
from activity.tests.test_store_bounds import add_data

INDEX_FILE: dict[str, Any] = json.loads(Path(settings.BASE_DIR, "firestore.indexes.json").read_text())
ASCENDING, DESCENDING, CONTAINS = "ASCENDING", "DESCENDING", "CONTAINS"
EQUALITIES = {"EQUAL", "IN"}


@dataclass(frozen=True)
class Need:
    """The index that a query needs: fields of equalities in any order, then fields in order."""

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
        """Return whether the index serves a query. Equalities use either direction, array fields only CONTAINS."""
        if (self.group, self.scope) != (need.group, need.scope) or len(self.fields) != len(need.fields):
            return False
        first = self.fields[: len(need.equal)]
        equal = {field for field, direction in first if direction != CONTAINS}
        return equal == need.equal and self.fields[len(need.equal) :] == need.ordered


def load_indexes() -> set[Index]:
    composite = {
        Index(i["collectionGroup"], i["queryScope"], tuple((f["fieldPath"], f["order"]) for f in i["fields"]))
        for i in INDEX_FILE["indexes"]
    }
    single = {
        Index(
            o["collectionGroup"],
            i["queryScope"],
            ((o["fieldPath"], i.get("order") or i["arrayConfig"]),),
        )
        for o in INDEX_FILE["fieldOverrides"]
        for i in o["indexes"]
    }
    return composite | single


def get_need(query: Any) -> Need | None:
    """Return the index that a `StructuredQuery` needs, None if document names are enough."""
    (source,) = query.from_
    filters = [f.field_filter for f in query.where.composite_filter.filters] or [query.where.field_filter]
    by_field = [(f.field.field_path, f.op.name) for f in filters if f.field.field_path]
    equal = frozenset(field for field, op in by_field if op in EQUALITIES)
    orders = [(o.field.field_path, o.direction.name) for o in query.order_by]
    ordered = [(field, CONTAINS) for field, op in by_field if op == "ARRAY_CONTAINS"]
    ordered += [(field, direction) for field, direction in orders if field != "__name__"]
    inequalities = {field for field, op in by_field if op not in EQUALITIES | {"ARRAY_CONTAINS"}}
    assert inequalities <= {field for field, _ in ordered}, (
        "a query with an inequality is ordered by its field"
    )
    scope = "COLLECTION_GROUP" if source.all_descendants else "COLLECTION"
    return Need(source.collection_id, scope, equal, tuple(ordered)) if equal or ordered else None


@pytest.fixture
def needs(rpcs: Recorder) -> set[Need]:
    store = FirestoreStore()
    add_data(store)
    for use in USES.values():
        use(store)
    store.get_follower_uids("ama", after="p1")
    queries = [rpc.arguments["request"] for rpc in rpcs.made if rpc.name == "run_query"]
    structured = [request["structured_query"] for request in queries]
    counts = [rpc.arguments["request"] for rpc in rpcs.made if rpc.name == "run_aggregation_query"]
    structured += [request["structured_aggregation_query"].structured_query for request in counts]
    assert len(structured) > 20
    return {need for query in structured if (need := get_need(query))}


def test_every_query_has_an_index_and_every_index_a_query(needs: set[Need]) -> None:
    unserved = [need for need in needs if not any(index.serves(need) for index in load_indexes())]
    assert unserved == []
    unused = [index for index in load_indexes() if not any(index.serves(need) for need in needs)]
    assert unused == []


def test_no_other_field_is_indexed() -> None:
    """By default Firestore indexes every field of every document, which costs a write each and can be a hotspot."""
    exempt = {
        o["collectionGroup"]
        for o in INDEX_FILE["fieldOverrides"]
        if o["fieldPath"] == "*" and not o["indexes"]
    }
    assert exempt == {"people", "activities", "preferences", "seen", "follows", "rows", "jobs"}


def test_an_index_on_times_is_sharded_or_within_one_person() -> None:
    """An index that begins with a growing time takes 500 writes per second at most.

    Under `people/{uid}` and `timelines/{viewer}`, an index has the writes of one person only.
    """
    times = {"at", "due", "recorded_at", "feed_order_at"}
    first_fields = {(index.group, index.fields[0][0]) for index in load_indexes()}
    assert {(group, field) for group, field in first_fields if field in times} == {
        ("activities", "feed_order_at"),
        ("rows", "at"),
    }
