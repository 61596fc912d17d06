"""The keys of the ORM store's large tables, which allow partitioning by person (decision 0026)."""

import pytest
from django.db.models import Model, UniqueConstraint

from activity.models import Activity, TimelineRow


def test_the_key_of_a_timeline_row_begins_with_its_viewer() -> None:
    assert [field.name for field in TimelineRow._meta.pk_fields] == ["viewer", "author", "title"]


@pytest.mark.parametrize(("model", "partition_column"), [(Activity, "uid"), (TimelineRow, "viewer")])
def test_every_unique_constraint_has_the_partition_column(model: type[Model], partition_column: str) -> None:
    unique = [c for c in model._meta.constraints if isinstance(c, UniqueConstraint)]
    assert all(partition_column in constraint.fields for constraint in unique)
    fields = [field for field in model._meta.fields if field.unique and not field.primary_key]
    assert fields == []
