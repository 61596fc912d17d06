"""`manage.py erase_user UID`: erase all data about a person."""

import math
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from activity.types import StoreUnavailable
from core.auth.tokens import is_valid_uid
from core.outages import REDIS_UNAVAILABLE
from finishd.privacy import erasures, services
from finishd.privacy.models import Erasure
from finishd.privacy.recent import KEPT_DAYS


def _format(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


class Command(BaseCommand):
    help = "Erase all data about UID now, and again after all tokens of the person have expired."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid", help="the Firebase user id")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(**options)
        except REDIS_UNAVAILABLE as reason:
            raise CommandError(f"Redis is unavailable: {reason}") from reason
        except StoreUnavailable as reason:
            raise CommandError(f"The activity store is unavailable: {reason}") from reason

    def _handle(self, *, uid: str, yes: bool, **options: Any) -> None:
        if not is_valid_uid(uid):
            raise CommandError("A UID is 1 to 128 printable characters.")
        found = services.find_references(uid)
        if not found:
            self.stdout.write(f"There is no data about {uid}.")
            return
        self._write_places("References found:", found)
        if not yes and self._ask(f"Erase {uid} for good? Type the uid: ") != uid:
            raise CommandError("Nothing was erased.")
        request = erasures.request_erasure(uid, now=timezone.now())
        erasures.run_erasure(request.pk, now=timezone.now(), until=math.inf)
        remaining = services.find_references(uid)
        if remaining:
            self._write_places("References that remain:", remaining)
            raise CommandError(
                "References remain; the sweep will retry the erasure. Does the person still use the app?"
            )
        request.refresh_from_db()
        self._write_outcome(uid, request)

    def _write_outcome(self, uid: str, request: Erasure) -> None:
        now = timezone.now()
        plans_end = now + timedelta(seconds=services.PLANS_KEPT_SECONDS)
        traces_end = now + timedelta(seconds=services.TRACES_KEPT_SECONDS)
        self.stdout.write(
            f"Erased. No reference to {uid} remains in the activity store, SQL and Redis, except for this request.\n"
            f"The erasure runs again and is verified after {_format(request.due_at)}, because tokens are valid for an"
            " hour. These remain:\n"
            "  this request, with the uid: until the erasure is verified\n"
            f"  Redis, a keyed hash of the uid, to repeat the erasure after a restore: for {KEPT_DAYS} days\n"
            "  Redis's append-only file, with deleted data: until Redis rewrites it, which the verification starts\n"
            "  plans of others, if they were built during the erasure or contain an earlier name of the person:"
            f" until {_format(plans_end)}\n"
            f"  sampled traces of such plans: until {_format(traces_end)}\n"
            "  backups, and copies of what was exported: until you delete them"
        )

    def _ask(self, question: str) -> str | None:
        try:
            return input(question)
        except EOFError:
            return None

    def _write_places(self, title: str, places: dict[str, int]) -> None:
        self.stdout.write(title)
        for place, number in sorted(places.items()):
            self.stdout.write(f"  {number:>8,}  {place}")
