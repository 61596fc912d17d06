from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.outages import REDIS_UNAVAILABLE
from feed.models import IndexBuild
from feed.services import builds


class Command(BaseCommand):
    help = "Rank the published catalogue into new indexes and publish them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--accept", action="store_true", help="Publish even if the indexes look empty or too small."
        )
        parser.add_argument(
            "--rollback",
            type=int,
            metavar="GENERATION",
            help="Publish a kept generation again instead.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["rollback"] is not None:
                pointer = builds.rollback(options["rollback"])
                self.stdout.write(f"rolled back to generation {pointer.generation}")
                return
            build = builds.rebuild_indexes(now=timezone.now(), accept=options["accept"])
        except (builds.RebuildInProgress, ValueError) as reason:
            raise CommandError(str(reason)) from reason
        except REDIS_UNAVAILABLE as reason:
            raise CommandError(f"Redis is unavailable: {reason}") from reason
        if build.outcome != IndexBuild.Outcome.PUBLISHED:
            raise CommandError(f"{build}; the previous indexes stay published. {build.detail}")
        self.stdout.write(f"{build}; {build.items} items in {len(build.sizes)} indexes")
