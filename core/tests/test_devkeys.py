"""The signing key for development."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.auth import devkeys, keyset


def test_the_key_is_created_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    made = devkeys.ensure_keys(tmp_path / "keys")
    content = made.private_key.read_bytes(), made.key_set.read_bytes()
    assert stat.S_IMODE(made.private_key.stat().st_mode) == 0o600
    assert devkeys.ensure_keys(tmp_path / "keys") == made
    assert (made.private_key.read_bytes(), made.key_set.read_bytes()) == content
    assert sorted(path.name for path in made.key_set.parent.iterdir()) == ["jwks.json", "private.pem"]


def test_concurrent_callers_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(devkeys.ensure_keys, [tmp_path] * 8))
    assert len(made) == 1
    assert list(keyset.parse((tmp_path / "jwks.json").read_bytes())) == [made.pop().kid]


def test_a_lost_key_set_is_created_again(tmp_path: Path) -> None:
    made = devkeys.ensure_keys(tmp_path)
    made.key_set.unlink()
    assert devkeys.ensure_keys(tmp_path) == made
    assert made.key_set.exists()


def test_a_file_that_is_not_a_key_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "private.pem").write_text("mine")
    with pytest.raises(ValueError, match="PEM"):
        devkeys.ensure_keys(tmp_path)
    assert (tmp_path / "private.pem").read_text() == "mine"
