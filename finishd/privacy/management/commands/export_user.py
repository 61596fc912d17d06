"""`manage.py export_user UID`: what a person asked to see."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from activity.types import StoreUnavailable
from core.auth.tokens import is_valid_uid
from core.redis.client import REDIS_UNAVAILABLE
from finishd.privacy import services


class Command(BaseCommand):
    help = "Write all that is kept of UID as one JSON document, to standard output or a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid", help="whose data, as their tokens name them")
        parser.add_argument("--output", type=Path, help="a file that is not there yet")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(**options)
        except REDIS_UNAVAILABLE as reason:
            raise CommandError(f"Redis gives no answer: {reason}") from reason
        except StoreUnavailable as reason:
            raise CommandError(f"The activity store gives no answer: {reason}") from reason

    def _handle(self, *, uid: str, output: Path | None, **options: Any) -> None:
        if not is_valid_uid(uid):
            raise CommandError("UID is 1 to 128 printable characters.")
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
            # Whoever reads has seen enough (`| head`). What is still in the buffer goes nowhere, at exit as well.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stdout.fileno())
            os.close(nowhere)
