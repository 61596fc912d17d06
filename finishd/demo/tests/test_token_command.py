"""The command `token`, which prints ID tokens for development."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from core.auth import keystore
from core.auth.tokens import Viewer, verify


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Run the command and return the printed lines."""
    call_command("token", *arguments)
    return capsys.readouterr().out.splitlines()


def check(token: str, *, now: float) -> Viewer:
    find_key = keystore.get_key_finder()
    return verify(token, project=settings.FIREBASE_PROJECT_ID, find_key=find_key, now=now)


def test_a_printed_token_is_valid_for_the_requested_hours(capsys: pytest.CaptureFixture[str]) -> None:
    (token,) = run(capsys, "zoe", "--name", "Zoë", "--hours", "2")
    viewer = check(token, now=time.time() + 7000)
    assert (viewer.uid, viewer.name) == ("zoe", "Zoë")


def test_people_of_the_demo_world_have_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    (token,) = run(capsys, "ama")
    assert check(token, now=time.time()).name == "Ama"


def test_several_uids_print_one_token_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    viewers = [check(token, now=time.time()) for token in run(capsys, "ama", "kofi")]
    assert [(viewer.uid, viewer.name) for viewer in viewers] == [("ama", "Ama"), ("kofi", "Kofi")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("",),
        ("ama", ""),
        ("ama", "kofi", "--name", "Zoë"),
        ("a\nb",),
        ("x" * 129,),
        ("ama", "--hours", "0"),
        ("ama", "--hours", "nan"),
    ],
    ids=repr,
)
def test_invalid_arguments_are_rejected(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("token", *arguments)


def test_without_a_development_key_the_error_names_make_run(settings: Any, tmp_path: Path) -> None:
    settings.FIREBASE_KEYS_FILE = str(tmp_path / "jwks.json")
    with pytest.raises(CommandError, match="make run"):
        call_command("token", "ama")
    settings.FIREBASE_KEYS_FILE = ""
    with pytest.raises(CommandError, match="make run"):
        call_command("token", "ama")
