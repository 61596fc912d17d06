"""Test that the OpenAPI schema equals the snapshot, and that its page loads nothing from another host."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def schema() -> str:
    """Generate the schema. A warning of the generator is an error."""
    output = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=output)
    return output.getvalue()


@pytest.fixture(scope="module")
def document(schema: str) -> Any:
    return yaml.safe_load(schema)


def test_the_snapshot_is_up_to_date(schema: str) -> None:
    is_same = schema.strip() == SNAPSHOT.read_text(encoding="utf-8").strip()
    assert is_same, "docs/openapi.yaml is out of date; run `make openapi` and review the diff for clients"


def test_every_operation_requires_a_token_and_documents_its_errors(document: Any) -> None:
    assert document["components"]["securitySchemes"]["firebase"]["scheme"] == "bearer"
    for path, item in document["paths"].items():
        assert path.startswith("/api/v1/")
        assert not path.endswith("/")
        for method in {"get", "post", "put", "patch", "delete"} & set(item):
            operation = item[method]
            assert operation["security"] == [{"firebase": []}], path
            assert {"200", "400", "401", "429", "503"} <= set(operation["responses"]), path


def test_the_schema_is_served_without_a_token() -> None:
    response = Client().get("/api/schema", headers={"Accept": "application/json"})
    assert response.status_code == 200
    assert "/api/v1/search" in response.json()["paths"]


def test_the_docs_page_loads_nothing_from_another_host() -> None:
    response = Client().get("/api/docs")
    page = response.content.decode()
    assert response.status_code == 200
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith(settings.STATIC_URL)
        assert finders.find(address.removeprefix(settings.STATIC_URL)), address
    assert re.findall(r"https?://[^\s\"']+", page) == []
