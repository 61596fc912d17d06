"""Test that the search for references covers every text column that is not declared to hold no uid."""

import time

import pytest
from django.apps import apps
from django.db.models import CharField, JSONField, Model, TextField
from django.test.utils import isolate_apps

from activity.services import follows, people, relations
from core.redis.client import state_redis
from finishd.privacy import services as privacy
from finishd.privacy.sql_references import UidColumn, count_sql_references, get_tables, get_uid_columns
from finishd.privacy.tests.people import LIKED

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def get_columns(model: type[Model]) -> list[UidColumn]:
    return get_uid_columns(model, without_uid=privacy.COLUMNS_WITHOUT_UID)


class TestFindReferences:
    def test_every_text_column_is_searched_or_declared_to_hold_no_uid(self) -> None:
        declared = set(privacy.COLUMNS_WITHOUT_UID)
        for model in get_tables(privacy.APPS_WITH_PEOPLE):
            texts = {
                f"{model._meta.label}.{field.name}": field
                for field in model._meta.concrete_fields
                if isinstance(field, CharField | TextField | JSONField)
            }
            searched = {f"{model._meta.label}.{field.name}" for field in get_columns(model)}
            assert texts.keys() - searched == declared & texts.keys()
            assert all("uid" not in name for name in texts.keys() - searched)
            assert all(
                texts[name].max_length == 128 or isinstance(texts[name], JSONField | TextField)
                for name in searched
            )

    def test_every_declared_column_exists(self) -> None:
        columns = {
            f"{model._meta.label}.{field.name}"
            for model in get_tables(privacy.APPS_WITH_PEOPLE)
            for field in model._meta.concrete_fields
        }
        assert columns >= privacy.COLUMNS_WITHOUT_UID

    def test_a_model_without_a_table_of_its_own_has_only_columns_of_a_searched_table(self) -> None:
        tables = {
            model._meta.db_table: {field.column for field in model._meta.concrete_fields}
            for model in get_tables(privacy.APPS_WITH_PEOPLE)
        }
        models = [
            model for app in privacy.APPS_WITH_PEOPLE for model in apps.get_app_config(app).get_models()
        ]
        for model in (model for model in models if not model._meta.managed):
            assert {field.column for field in model._meta.concrete_fields} <= tables[model._meta.db_table]

    def test_a_uid_in_a_table_that_two_models_read_counts_once(self) -> None:
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        references = [
            reference
            for reference in privacy.find_references("ama")
            if reference.startswith("sql: activity.activity")
        ]
        assert references == ["sql: activity.activity.uid"]

    @isolate_apps("activity")
    def test_an_undeclared_column_is_searched_even_if_its_name_is_declared_elsewhere(self) -> None:
        class Note(Model):
            name = CharField(max_length=128)
            title = TextField()
            items = JSONField()

            class Meta:
                app_label = "activity"

            def __str__(self) -> str:
                return self.name

        assert [field.name for field in get_columns(Note)] == ["name", "title", "items"]

    def test_a_uid_in_an_undeclared_column_is_found(self) -> None:
        people.sync_name_from_token("kofi", "ama", None)
        assert privacy.find_references("ama") == {}
        undeclared = privacy.COLUMNS_WITHOUT_UID - {"activity.Person.name"}
        assert count_sql_references("ama", app_labels=["activity"], without_uid=undeclared) == {
            "sql: activity.person.name": 1
        }

    def test_similar_uids_are_distinguished(self) -> None:
        now = time.time()
        for uid in ("ama", "AMA", "am"):
            follows.block("kofi", uid, now=now)
        assert privacy.find_references("ama")["sql: activity.person.blocked"] == 1
        assert privacy.find_references("a") == {}

    def test_the_search_changes_nothing(self) -> None:
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        before = {key: state_redis().pttl(key) > 0 for key in state_redis().keys("*ama*")}
        privacy.find_references("ama")
        assert {key: state_redis().pttl(key) > 0 for key in state_redis().keys("*ama*")} == before
