"""`manage.py erase_user UID`: what a person asked for when they left."""

import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from activity.types import StoreUnavailable
from core.auth.tokens import is_valid_uid
from core.redis.client import REDIS_UNAVAILABLE
from finishd.privacy import erasures, services


class Command(BaseCommand):
    help = (
        "Erase all that is kept of UID, here and now, and once more when no token of theirs is good any more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid", help="whom to erase, as their tokens name them")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(**options)
        except REDIS_UNAVAILABLE as reason:
            raise CommandError(f"Redis gives no answer: {reason}") from reason
        except StoreUnavailable as reason:
            raise CommandError(f"The activity store gives no answer: {reason}") from reason

    def _handle(self, *, uid: str, yes: bool, **options: Any) -> None:
        if not is_valid_uid(uid):
            raise CommandError("UID is 1 to 128 printable characters.")
        found = services.find_references(uid)
        if not found:
            self.stdout.write(f"Nothing is kept of {uid}.")
            return
        self._say("Kept now:", found)
        if not yes and self._answer(f"Erase {uid} for good? Type the uid: ") != uid:
            raise CommandError("Nothing was erased.")
        request = erasures.request_erasure(uid, now=timezone.now())
        erasures.run_erasure(request.pk, now=timezone.now(), until=math.inf)
        left = services.find_references(uid)
        if left:
            self._say("Still kept:", left)
            raise CommandError(
                "Something is left; workers will try again. Is the person still using the app?"
            )
        request.refresh_from_db()
        self.stdout.write(
            f"Erased. Nothing names {uid} any more; workers look once more after {request.due_at:%H:%M} UTC."
        )

    def _answer(self, question: str) -> str | None:
        try:
            return input(question)
        except EOFError:
            return None

    def _say(self, title: str, places: dict[str, int]) -> None:
        self.stdout.write(title)
        for place, number in sorted(places.items()):
            self.stdout.write(f"  {number:>8,}  {place}")
