"""Valid and invalid requests that are generated from the schema, against the whole application."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.conf import settings
from django.utils import timezone
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

from content.tests.factories import ItemFactory
from core.auth import devkeys
from feed.services import builds
from finishd.wsgi import application

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


def _operations() -> list[Any]:
    """From the snapshot, which is the schema (test_openapi) and can be read before there is a database.

    Without its security: every request is to carry a good token, so that it comes to more than a 401.
    """
    document = yaml.safe_load(SNAPSHOT.read_text(encoding="utf-8"))
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("security", None)
    schema = schemathesis.openapi.from_dict(document)
    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


def _cases() -> Iterator[Any]:
    """Yield each operation with valid requests, and with invalid ones if it has a parameter or a body."""
    for operation in _operations():
        yield pytest.param(operation, GenerationMode.POSITIVE, id=f"{operation.label}-right")
        if operation.body or any(operation.iter_parameters()):
            yield pytest.param(operation, GenerationMode.NEGATIVE, id=f"{operation.label}-wrong")


@pytest.fixture(scope="module")
def headers() -> dict[str, str]:
    token = devkeys.sign_token(
        Path(settings.FIREBASE_KEYS_FILE).parent,
        uid="ama",
        project=settings.FIREBASE_PROJECT_ID,
        now=time.time(),
    )
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def catalogue(transactional_db: None) -> None:
    """Create a catalogue with two genres and several pages of items."""
    for number in range(24):
        ItemFactory.create(title=f"Film {number:02}", genres=["Drama", "Comedy"] if number % 2 else ["Drama"])
    builds.rebuild_indexes(now=timezone.now())


@pytest.mark.slow
@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(("operation", "mode"), [*_cases()])
def test_every_response_is_in_the_schema(
    operation: Any, mode: GenerationMode, headers: dict[str, str]
) -> None:
    @examples(
        max_examples=40,
        derandomize=True,  # so that every run sends the same requests
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(app=application, headers=headers)
        assert response.status_code != 401, "the token is good"
        case.validate_response(response, checks=CHECKS)

    ask()
