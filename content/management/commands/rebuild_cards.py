"""`manage.py rebuild_cards`: every card and its facts anew, from SQL."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from content.models import Item
from content.services import cards
from core.redis.client import REDIS_UNAVAILABLE


class Command(BaseCommand):
    help = "Write every item's card and facts to Redis again, in batches; readers are served meanwhile."

    def handle(self, *_: Any, **options: Any) -> None:
        done = 0
        with tqdm(
            total=Item.objects.count(), unit=" cards", disable=None if options["verbosity"] else True
        ) as bar:
            try:
                for done in cards.rebuild_cards():
                    bar.update(done - bar.n)
            except REDIS_UNAVAILABLE as error:
                raise CommandError(f"Redis does not answer; {done} cards are written: {error}") from error
        self.stdout.write(f"{done} cards written")
