"""The OpenAPI schema equals the snapshot, and its page uses no other host."""

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
def described() -> str:
    """Generate the schema. A warning of the generator is an error."""
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def document(described: str) -> Any:
    return yaml.safe_load(described)


def test_the_snapshot_is_up_to_date(described: str) -> None:
    same = described.strip() == SNAPSHOT.read_text(encoding="utf-8").strip()
    assert same, "docs/openapi.yaml is old: `make openapi` renews it; read its diff as the app's author would"


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
    answer = Client().get("/api/schema", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert "/api/v1/search" in answer.json()["paths"]


def test_the_docs_page_loads_nothing_from_another_host() -> None:
    answer = Client().get("/api/docs")
    page = answer.content.decode()
    assert answer.status_code == 200
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith(settings.STATIC_URL)
        assert finders.find(address.removeprefix(settings.STATIC_URL)), address
    assert re.findall(r"https?://[^\s\"']+", page) == []
