from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from finishd.staff import logins


class Command(BaseCommand):
    help = "Reset the login attempts of a staff name, so that its owner can log in at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *, name: str, **_: Any) -> None:
        logins.reset_attempts(name)
        self.stdout.write(f"Login attempts with {name} are reset. Attempts by address are not.")
