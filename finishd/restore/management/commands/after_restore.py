"""`manage.py after_restore`: make Redis agree with SQL and the activity store after a restore from a backup."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from activity.types import StoreUnavailable
from analytics.services import restoring
from core.outages import REDIS_UNAVAILABLE, SqlUnavailable
from feed.services import builds
from finishd.privacy.recent import KEPT_DAYS
from finishd.restore import services


class Command(BaseCommand):
    help = (
        "Run this after SQL, the activity store or Redis was restored from a backup, while web, workers and beat are "
        "stopped. It deletes what Redis copied from the others, rebuilds the indexes, lets the readers of events skip "
        "what is gone, and requests recent erasures again. It can be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only print what would be deleted")

    def handle(self, *_: Any, dry_run: bool, **__: Any) -> None:
        try:
            self._delete_copies(is_dry_run=dry_run)
            if not dry_run:
                self._rebuild_indexes()
                self.stdout.write(
                    f"{restoring.skip_deleted_entries()} events are lost: they were counted after the backup"
                )
            number = services.repeat_erasures(now=timezone.now(), is_dry_run=dry_run)
        except REDIS_UNAVAILABLE as error:
            raise CommandError(
                f"Redis is unavailable ({error}). Beside `make run`, start it first, then run after_restore."
            ) from error
        except (StoreUnavailable, SqlUnavailable) as error:
            raise CommandError(f"Not finished, run after_restore again: {error}") from error
        verb = "to request" if dry_run else "requested"
        self.stdout.write(
            f"{number} erasures of the last {KEPT_DAYS} days {verb} again; repeat older ones with erase_user"
        )

    def _delete_copies(self, *, is_dry_run: bool) -> None:
        deleted = services.delete_copies(is_dry_run=is_dry_run)
        for pattern, number in sorted(deleted.items()):
            self.stdout.write(f"  {number:>9,} {pattern}")
        self.stdout.write(f"{deleted.total():,} keys {'to delete' if is_dry_run else 'deleted'}")

    def _rebuild_indexes(self) -> None:
        try:
            build = builds.rebuild_indexes(now=timezone.now(), accept=True)
        except builds.RebuildInProgress as error:
            raise CommandError(
                f"Not finished: {error}. Stop the workers, and run after_restore again in a minute."
            ) from error
        self.stdout.write(f"{build.items:,} items indexed, generation {build.pk}")
