from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.redis.client import REDIS_UNAVAILABLE
from core.times import format_utc
from feed import recipe
from feed.services import explain
from feed.services.explain import Absence, Explanation, Ranked

ABSENCES: Final[Mapping[Absence, str]] = {
    "hidden": "staff hide it",
    "new": "published since",
    "full": f"it is full with {recipe.INDEX_CAP:,} items that rank above this one, or this one was shown again since",
    "changed": "published or shown again since",
}
DIGITS: Final = 4


class Command(BaseCommand):
    help = "Say what an item's score is made of now, and where the index has it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("item", help="An item's id.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = explain.explain(options["item"], now=int(timezone.now().timestamp()))
        except REDIS_UNAVAILABLE as reason:
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
    yield f"{item} ({ranked.title}) at {_moment(ranked.at)}"
    yield f"votes of the {hours} hours before: {told or 'none'}"
    yield ""
    yield f"{'term':<12}{'value':>10}{'weight':>10}{'weighted':>10}"
    for term in ranked.terms:
        yield f"{term.name:<12}{term.value:>10.{DIGITS}f}{term.weight:>10.3f}{term.weighted:>10.{DIGITS}f}"
    yield f"{'score':<12}{ranked.score:>30.{DIGITS}f}"


def _standing(found: Explanation) -> str:
    if found.current is None:
        return "There is no index yet."
    index = f"the trending index (generation {found.current.generation}, built at {_moment(found.current.built_at)})"
    if found.place is None:
        return f"Not in {index}: {ABSENCES[found.absence or 'changed']}."
    place, score = found.place
    size = found.current.sizes["trending"]
    told = f"Place {place:,} of {size:,} in {index}, with a score of {score:.{DIGITS}f} there."
    now = found.ranked.score if found.ranked else score
    if round(now, DIGITS) == round(score, DIGITS):
        return told
    return f"{told}\nThe next rebuild will move it: its score is {now:.{DIGITS}f} by now."


def _moment(at: int) -> str:
    return f"{format_utc(at)[:16]} UTC"
