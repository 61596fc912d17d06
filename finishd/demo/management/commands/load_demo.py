from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from finishd.demo.load import load


class Command(BaseCommand):
    help = "Load the demo world: some hundred real titles, and a dozen invented people with activities and follows."

    def handle(self, *args: Any, **options: Any) -> None:
        items, people = load(now=timezone.now())
        self.stdout.write(f"demo world: {items} items, {people} people, indexes built")
