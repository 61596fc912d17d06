"""Test that requirements/install.py reports each problem of a machine in one line with a solution."""

import ast
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "install", Path(settings.BASE_DIR) / "requirements/install.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LOG", tmp_path / "install.log")
    # The environment that runs this test must not change.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    return module


def test_annotations_do_not_prevent_an_old_python_from_loading_the_file(install: ModuleType) -> None:
    """Python 3.8 and older evaluate `list[str]` and raise TypeError, unless it is quoted."""
    functions = [
        node
        for node in ast.parse(Path(str(install.__file__)).read_text()).body
        if isinstance(node, ast.FunctionDef)
    ]
    annotations = [
        annotation
        for function in functions
        for annotation in (function.returns, *(argument.annotation for argument in function.args.args))
    ]
    assert annotations
    assert not any(isinstance(annotation, ast.Subscript) for annotation in annotations)


def test_an_old_python_is_reported_with_the_required_version(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, but this is 3\.9\.2"):
        install.ensure_python_version()


def test_a_python_without_venv_is_reported_with_the_package_to_install(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\necho 'ensurepip is not available'\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(install, "VENV", tmp_path / "venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / "venv/bin/python")
    with pytest.raises(
        SystemExit, match=r"apt install python3-venv\. Its message: ensurepip is not available"
    ):
        install.create_venv()


def test_a_missing_network_is_reported(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Use pip with an index on a port without a server."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    wanted = tmp_path / "wanted.txt"
    wanted.write_text(f"finishd-is-no-package==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SystemExit, match="is there a network"):
        install.install(wanted)
    assert "No matching distribution" in (tmp_path / "install.log").read_text()


def test_an_unchanged_environment_is_left_alone(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed: list[Path] = []
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(install, "install", installed.append)
    monkeypatch.setattr(sys, "argv", ["install.py", "dev"])
    install.main()
    install.main()
    assert [path.name for path in installed] == ["dev.txt"]
    assert capsys.readouterr().out.count("Installing") == 1
