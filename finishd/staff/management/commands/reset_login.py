from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from finishd.staff import logins


class Command(BaseCommand):
    help = "Forget the tries to sign in to the admin with a name, so that who knows the password is let in at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *, name: str, **_: Any) -> None:
        logins.reset_attempts(name)
        self.stdout.write(f"tries with {name} are forgotten; those of addresses are not")
