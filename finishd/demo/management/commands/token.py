"""`manage.py token UID …`: print tokens for the API, in development."""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.auth import devkeys
from core.auth.tokens import is_valid_uid

PEOPLE = Path(settings.BASE_DIR) / "finishd" / "demo" / "people.json"
MAX_HOURS = 24 * 365


class Command(BaseCommand):
    help = "Print an ID token for each UID, one per line, signed with the development key that `make run` created."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "uids",
            nargs="+",
            metavar="UID",
            help="the user of a token; the people of the demo world are ama, kofi, …",
        )
        parser.add_argument(
            "--name", help="the name in the token, for one UID; people of the demo world have names"
        )
        parser.add_argument("--hours", type=float, default=1.0, help="the lifetime of the tokens (default 1)")

    def handle(self, *args: Any, uids: list[str], name: str | None, hours: float, **options: Any) -> None:
        if not all(map(is_valid_uid, uids)):
            raise CommandError("A UID is 1 to 128 printable characters.")
        if name and len(uids) > 1:
            raise CommandError("--name needs exactly one UID.")
        if not 0 < hours <= MAX_HOURS:
            raise CommandError(f"--hours must be more than 0 and at most {MAX_HOURS}.")
        if not settings.FIREBASE_KEYS_FILE:
            raise CommandError(
                "This configuration accepts only Google's keys, because FIREBASE_KEYS_FILE is not set. "
                "`make run` creates a development key and sets it."
            )
        for uid in uids:
            self.stdout.write(_token(uid, name or get_demo_name(uid), lifetime=hours * 3600))


def _token(uid: str, name: str | None, *, lifetime: float) -> str:
    try:
        return devkeys.sign_token(
            Path(settings.FIREBASE_KEYS_FILE).parent,
            uid=uid,
            project=settings.FIREBASE_PROJECT_ID,
            now=time.time(),
            name=name,
            lifetime=lifetime,
        )
    except (OSError, ValueError) as error:
        raise CommandError(f"The development key cannot be used: {error}. `make run` creates it.") from error


def get_demo_name(uid: str) -> str | None:
    """Return the name of a person of the demo world, or None for other uids."""
    if not PEOPLE.exists():
        return None
    people = json.loads(PEOPLE.read_text(encoding="utf-8"))
    return next((person["name"] for person in people if person["uid"] == uid), None)
