"""The keys of the ORM store's large tables, which allow partitioning by person (decision 0026)."""

import pytest
from django.db import connection
from django.db.models import Count, Model, UniqueConstraint
from django.test.utils import CaptureQueriesContext

from activity.models import Activity, TimelineRow
from activity.store.orm import OrmStore
from activity.tests.store_contract import LIKED, NOTHING, NOW, record, row

KEYS = [(Activity, ["uid", "title"]), (TimelineRow, ["viewer", "author", "title"])]


@pytest.mark.parametrize(("model", "key"), KEYS)
def test_the_primary_key_begins_with_the_person(model: type[Model], key: list[str]) -> None:
    assert [field.name for field in model._meta.pk_fields] == key


@pytest.mark.parametrize(("model", "key"), KEYS)
def test_every_unique_constraint_has_the_partition_column(model: type[Model], key: list[str]) -> None:
    unique = [c for c in model._meta.constraints if isinstance(c, UniqueConstraint)]
    assert all(key[0] in constraint.fields for constraint in unique)
    fields = [field for field in model._meta.fields if field.unique and not field.primary_key]
    assert fields == []


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL has partitions")
@pytest.mark.parametrize(("model", "key"), KEYS)
def test_the_table_can_be_partitioned_by_person(model: type[Model], key: list[str]) -> None:
    """PostgreSQL accepts a partition key only if every unique constraint contains it."""
    store = OrmStore()
    for uid in ("ama", "kofi", "esi", "yaw"):
        record(store, uid, "movie:1", LIKED, at=NOW)
        store.put_timeline_rows([(uid, row("efua", "movie:1"))])
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE partitioned (LIKE {table} INCLUDING ALL) PARTITION BY HASH ({key[0]})"
        )
        for number in range(2):
            cursor.execute(
                f"CREATE TEMPORARY TABLE partition_{number} PARTITION OF partitioned "
                f"FOR VALUES WITH (MODULUS 2, REMAINDER {number})"
            )
        cursor.execute(f"INSERT INTO partitioned TABLE {table} RETURNING tableoid")
        assert len(cursor.fetchall()) == 4


@pytest.mark.django_db
class TestActivities:
    def test_an_activity_is_written_in_one_statement(self) -> None:
        """Django tries to update a new row first when its key is set."""
        for relation, statement in ((LIKED, "INSERT"), (NOTHING, "UPDATE")):
            with CaptureQueriesContext(connection) as queries:
                record(OrmStore(), "ama", "movie:1", relation)
            words = [query["sql"].split() for query in queries if '"activity_activity"' in query["sql"]]
            assert [sql[0] for sql in words] == ["SELECT", statement]

    def test_an_export_continues_after_a_full_page(self) -> None:
        add_activities("ama", 503)
        add_activities("ama ", 3)
        assert len({document["title"] for _, document in OrmStore().export("ama")}) == 503

    def test_a_limited_erasure_deletes_that_number_in_one_statement(self) -> None:
        add_activities("ama", 5)
        add_activities("kofi", 5)
        with CaptureQueriesContext(connection) as queries:
            assert OrmStore().erase("ama", limit=3) == 3
        assert len([query for query in queries if '"activity_activity"' in query["sql"]]) == 1
        remaining = Activity.objects.values_list("uid").annotate(number=Count("title"))
        assert dict(remaining) == {"ama": 2, "kofi": 5}


def add_activities(uid: str, number: int) -> None:
    Activity.objects.bulk_create(Activity(uid=uid, title=f"movie:{n}", at=NOW) for n in range(number))
