"""Boundaries between packages that import-linter's layer contracts (pyproject.toml) do not express."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

import grimp
from django.conf import settings

APPS: Final = ("content", "analytics", "activity", "feed")
PUBLIC_MODULES: Final = ("services", "types")  # of an app, for other apps and for finishd


@cache
def read_contracts() -> Any:
    project = tomllib.loads(Path(settings.BASE_DIR, "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["importlinter"]


def is_public(module: str) -> bool:
    return module.split(".")[1:2] in [[name] for name in PUBLIC_MODULES]


def is_for_tests(module: str) -> bool:
    return ".tests" in module or module.startswith("finishd.testing")


def test_every_top_level_package_has_a_layer() -> None:
    packages = {path.parent.name for path in Path(settings.BASE_DIR).glob("*/__init__.py")}
    contracts = read_contracts()
    assert packages == set(contracts["root_packages"])
    (layers,) = (
        contract["layers"]
        for contract in contracts["contracts"]
        if contract["type"] == "layers" and "containers" not in contract
    )
    assert packages == {name.strip() for layer in layers for name in layer.split("|")}


def test_only_tests_ignore_layers() -> None:
    ignored = {
        line for contract in read_contracts()["contracts"] for line in contract.get("ignore_imports", [])
    }
    assert ignored <= {"**.tests.** -> **"}


def test_other_packages_import_only_the_services_and_types_of_an_app() -> None:
    graph = grimp.build_graph("finishd", *APPS, cache_dir=None)
    violations = [
        f"{importer} imports {imported}"
        for importer in graph.modules
        if not is_for_tests(importer)
        for imported in graph.find_modules_directly_imported_by(importer)
        if imported.split(".")[0] in APPS
        and imported.split(".")[0] != importer.split(".")[0]
        and not is_public(imported)
    ]
    assert sorted(violations) == []
