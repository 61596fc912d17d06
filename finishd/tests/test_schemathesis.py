"""Requests made up from the schema, right and wrong ones, against the whole application."""

import time
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from finishd.auth import devkeys
from finishd.wsgi import application

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# The snapshot is the schema (test_openapi holds them together), and can be read before there is a database.
SCHEMA = schemathesis.openapi.from_path(Path(settings.BASE_DIR) / "docs" / "openapi.yaml")
OPERATIONS: list[Any] = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]


@pytest.fixture(scope="module")
def headers() -> dict[str, str]:
    token = devkeys.sign(
        Path(settings.FIREBASE_KEYS_FILE).parent,
        uid="ama",
        project=settings.FIREBASE_PROJECT_ID,
        now=time.time(),
    )
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.label for operation in OPERATIONS])
def test_every_answer_is_one_that_the_schema_names(
    operation: Any, mode: GenerationMode, headers: dict[str, str]
) -> None:
    @examples(
        max_examples=30,
        derandomize=True,  # the same requests in every run
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(app=application, headers=headers)
        assert response.status_code != 401, "the token is good: no other answer would be reached"
        case.validate_response(response, checks=CHECKS)

    ask()
