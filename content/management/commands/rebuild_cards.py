"""`manage.py rebuild_cards`: write all cards and facts again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from content.services import cards, items
from core.outages import REDIS_UNAVAILABLE


class Command(BaseCommand):
    help = (
        "Write the cards and facts of all items to Redis again, in batches. Readers can use them meanwhile."
    )

    def handle(self, *_: Any, **options: Any) -> None:
        written = 0
        # disable=None shows the bar on a terminal only.
        disable = None if options["verbosity"] else True
        with tqdm(total=items.count_items(), unit=" cards", disable=disable) as bar:
            try:
                for written in cards.rebuild_cards():
                    bar.update(written - bar.n)
            except REDIS_UNAVAILABLE as error:
                raise CommandError(f"cache Redis unavailable after {written} cards: {error}") from error
            except cards.NewerCards as error:
                raise CommandError(
                    f"{written} cards written. {error}. "
                    "If SQL was restored from a backup, run `manage.py after_restore`."
                ) from error
        self.stdout.write(f"{written} cards written")
