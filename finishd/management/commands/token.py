"""`manage.py token UID`: a token to call the API with in development."""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from finishd.auth import devkeys
from finishd.auth.tokens import valid_uid

PEOPLE = Path(settings.BASE_DIR) / "finishd" / "demo" / "people.json"
MAX_HOURS = 24 * 365


class Command(BaseCommand):
    help = "Print an ID token for UID, signed with the development key that `make run` made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid", help="whom the token is for; the demo's people are ama, kofi, …")
        parser.add_argument("--name", help="the name it claims; people of the demo have theirs")
        parser.add_argument("--hours", type=float, default=1.0, help="how long it is good for (1)")

    def handle(self, *args: Any, uid: str, name: str | None, hours: float, **options: Any) -> None:
        if not valid_uid(uid):
            raise CommandError("UID is 1 to 128 printable characters.")
        if not 0 < hours <= MAX_HOURS:
            raise CommandError(f"--hours is more than 0 and at most {MAX_HOURS}.")
        if not settings.FIREBASE_KEYS_FILE:
            raise CommandError(
                "This configuration believes only Google's keys (FIREBASE_KEYS_FILE is not set). "
                "`make run` makes a development key and sets it."
            )
        try:
            token = devkeys.sign(
                Path(settings.FIREBASE_KEYS_FILE).parent,
                uid=uid,
                project=settings.FIREBASE_PROJECT_ID,
                now=time.time(),
                name=name or demo_name(uid),
                lifetime=hours * 3600,
            )
        except (OSError, ValueError) as error:
            raise CommandError(
                f"The development key cannot be used: {error}. `make run` makes it."
            ) from error
        self.stdout.write(token)


def demo_name(uid: str) -> str | None:
    """The name of a person of the demo world; None for everybody else."""
    if not PEOPLE.exists():
        return None
    people = json.loads(PEOPLE.read_text(encoding="utf-8"))
    return next((person["name"] for person in people if person["uid"] == uid), None)
