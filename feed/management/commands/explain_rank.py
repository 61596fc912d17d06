from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from feed import recipe
from feed.services import explain
from feed.services.explain import Explanation, Ranked
from finishd.lib.redis import UNAVAILABLE


class Command(BaseCommand):
    help = "Say what an item's score in the indexes is made of, and where that puts it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("item", help="An item's id.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = explain.explain(options["item"], now=int(timezone.now().timestamp()))
        except UNAVAILABLE as reason:
            raise CommandError(f"Redis gives no answer: {reason}") from reason
        if found.state == "unknown":
            raise CommandError(f"{found.item} is not in the catalogue")
        if found.ranked is None:
            self.stdout.write(f"{found.item} is not published: no index holds it")
            return
        self.stdout.write("\n".join([*_terms(found.item, found.ranked), "", _standing(found)]))


def _terms(item: str, ranked: Ranked) -> Iterator[str]:
    hours = recipe.ENGAGEMENT_WINDOW // 3_600
    told = ", ".join(f"{kind} {number:,}" for kind, number in sorted(ranked.votes.items()))
    yield f"{item} ({ranked.title}) at {datetime.fromtimestamp(ranked.at, UTC):%Y-%m-%d %H:%M} UTC"
    yield f"votes of the {hours} hours before: {told or 'none'}"
    yield ""
    yield f"{'term':<12}{'value':>10}{'weight':>10}{'weighted':>10}"
    for term in ranked.terms:
        yield f"{term.name:<12}{term.value:>10.4f}{term.weight:>10.3f}{term.weighted:>10.4f}"
    yield f"{'score':<12}{ranked.score:>30.4f}"


def _standing(found: Explanation) -> str:
    if found.current is None:
        return "There is no index yet."
    index = f"the trending index (generation {found.current.generation})"
    if found.place is None:
        why = "staff hide it" if found.state == "hidden" else "published since, or below its cap"
        return f"Not in {index}: {why}."
    place, score = found.place
    size = found.current.sizes["trending"]
    return f"Place {place:,} of {size:,} in {index}, with a score of {score:.4f} there."
