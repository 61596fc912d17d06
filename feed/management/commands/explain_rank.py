from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.outages import REDIS_UNAVAILABLE
from core.times import format_utc_minutes
from core.units import HOUR
from feed import recipe
from feed.services import explain
from feed.services.explain import Absence, Explanation, ScoreTerms

ABSENCES: Final[Mapping[Absence, str]] = {
    "hidden": "it is hidden",
    "new": "it was published after the build",
    "full": (
        f"the index is full with {recipe.MAX_INDEX_ITEMS:,} items that rank higher, "
        "or this one was unhidden after the build"
    ),
    "changed": "it was published again or unhidden after the build",
}
DIGITS: Final = 4


class Command(BaseCommand):
    help = "Print the terms of an item's score now, and its rank in the trending index."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("item", help="An item's id.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = explain.explain_rank(options["item"], now=int(timezone.now().timestamp()))
        except REDIS_UNAVAILABLE as reason:
            raise CommandError(f"Redis is unavailable: {reason}") from reason
        if found.state == "unknown":
            raise CommandError(f"{found.item} is not in the catalogue")
        if found.score_terms is None:
            self.stdout.write(f"{found.item} is not published, so it is in no index")
            return
        self.stdout.write(
            "\n".join([*_describe_score(found.item, found.score_terms), "", _describe_rank(found)])
        )


def _describe_score(item: str, score: ScoreTerms) -> Iterator[str]:
    hours = recipe.ENGAGEMENT_WINDOW // HOUR
    votes = ", ".join(f"{kind} {number:,}" for kind, number in sorted(score.votes.items()))
    yield f"{item} ({score.title}) at {_to_minute(score.at)}"
    yield f"votes of the last {hours} hours: {votes or 'none'}"
    yield ""
    yield f"{'term':<12}{'value':>10}{'weight':>10}{'weighted':>10}"
    for term in score.terms:
        yield f"{term.name:<12}{term.value:>10.{DIGITS}f}{term.weight:>10.3f}{term.weighted:>10.{DIGITS}f}"
    yield f"{'score':<12}{score.score:>30.{DIGITS}f}"


def _describe_rank(found: Explanation) -> str:
    pointer = found.index_pointer
    if pointer is None:
        return "There is no index yet."
    index = f"the trending index (generation {pointer.generation}, built at {_to_minute(pointer.built_at)})"
    if found.rank is None:
        return f"Not in {index}: {ABSENCES[found.absence or 'changed']}."
    rank, score = found.rank
    text = f"Rank {rank:,} of {pointer.sizes['trending']:,} in {index}, with a score of {score:.{DIGITS}f} there."
    score_now = found.score_terms.score if found.score_terms else score
    if round(score_now, DIGITS) == round(score, DIGITS):
        return text
    return f"{text}\nThe next rebuild will move it: its score is now {score_now:.{DIGITS}f}."


def _to_minute(at: int) -> str:
    return f"{format_utc_minutes(at)} UTC"
