"""`manage.py export_user UID`: export all data about a person."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from activity.types import StoreUnavailable
from core.auth.tokens import is_valid_uid
from core.outages import REDIS_UNAVAILABLE
from finishd.privacy import services


class Command(BaseCommand):
    help = "Write all data about UID as one JSON document, to standard output or a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid", help="the Firebase user id")
        parser.add_argument("--output", type=Path, help="a new file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(**options)
        except REDIS_UNAVAILABLE as reason:
            raise CommandError(f"Redis is unavailable: {reason}") from reason
        except StoreUnavailable as reason:
            raise CommandError(f"The activity store is unavailable: {reason}") from reason

    def _handle(self, *, uid: str, output: Path | None, **options: Any) -> None:
        if not is_valid_uid(uid):
            raise CommandError("A UID is 1 to 128 printable characters.")
        pieces = services.export(uid, now=timezone.now().isoformat(timespec="seconds"))
        if output is None:
            self._print(pieces)
            return
        try:
            with output.open("xb") as file:
                output.chmod(0o600)
                file.writelines(pieces)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
        self.stderr.write(f"{output}: {output.stat().st_size:,} bytes")

    def _print(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self.stdout.write(piece.decode(), ending="")
            self.stdout.flush()
        except BrokenPipeError:
            # The reader closed the pipe (`| head`). Discard the buffer, also at exit.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stdout.fileno())
            os.close(nowhere)
