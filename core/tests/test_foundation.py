"""The foundation knows no app: import contracts check its imports, and this test checks names in strings."""

import re
from pathlib import Path

import core

APPS = ("activity", "analytics", "content", "feed", "finishd")


def test_no_module_of_the_foundation_names_a_module_of_an_app() -> None:
    package = Path(core.__file__).parent
    name = re.compile(rf"\b(?:{'|'.join(APPS)})\.[a-z_]+")
    modules = [path for path in package.rglob("*.py") if "tests" not in path.parts]
    assert len(modules) > 30
    named = {
        str(path.relative_to(package)): found
        for path in modules
        if (found := name.findall(path.read_text(encoding="utf-8")))
    }
    assert named == {}
