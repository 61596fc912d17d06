"""Functions that run in a process with Django: seeding, actions of staff, and reading the results of a run."""

import time
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, Final, ParamSpec

from celery import current_app
from django.db import connection
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from activity.models import Activity, PendingHistory
from activity.services import profiles
from activity.store import get_store
from activity.types import Profile, StoreUnavailable, TimelineRow
from analytics.models import Checkpoint, DeadLetter
from analytics.services import lag
from content.models import Item
from content.services import cards, items
from core.outages import REDIS_UNAVAILABLE, SqlUnavailable
from core.redis.client import state_redis
from feed.services import builds, index_status
from feed.tests import world
from finishd.operations import keys
from finishd.testing import inspection

P = ParamSpec("P")
OUTAGE_ERRORS: Final = (
    SqlUnavailable,
    BrokerError,
    StoreUnavailable,
    *REDIS_UNAVAILABLE,
)
MAX_JOBS: Final = 500
MAX_TIMELINE_ROWS: Final = 5_000


def catch_outages(action: Callable[P, object]) -> Callable[P, bool]:
    """Make a function return True when it is done, and False when a dependency is unavailable."""

    @wraps(action)
    def run(*args: P.args, **kwargs: P.kwargs) -> bool:
        connection.close()  # Returns the connection to the pool, which discards it if it is broken.
        try:
            action(*args, **kwargs)
        except OUTAGE_ERRORS:
            return False
        return True

    return run


def seed_catalogue(size: int) -> dict[str, Any]:
    """Create items and indexes. Return the genres and the title of each item, and the time (epoch seconds)."""
    ids = world.catalogue(size)
    builds.rebuild_indexes(now=timezone.now())
    facts_by_item = cards.get_facts(ids)
    return {
        "genres": {item: list(facts.genres) for item, facts in facts_by_item.items()},
        "titles": {item: facts.title for item, facts in facts_by_item.items()},
        "now": time.time(),
    }


@catch_outages
def set_status(ids: list[str], status: str) -> None:
    items.set_status(ids, Item.Status(status), now=timezone.now())


@catch_outages
def set_boost(ids: list[str], boost: int) -> None:
    items.set_boost(ids, boost, now=timezone.now())


@catch_outages
def send_task(task: str) -> None:
    """Send a task to the workers, as beat and the admin do."""
    current_app.send_task(task)


def get_backlog() -> dict[str, int]:
    """Return the number of jobs, events, pending histories and stale cards. Messages are not included."""
    connection.close()
    now = time.time()
    return {
        "jobs": len(get_store().get_due_jobs(now=now + 3_600, limit=MAX_JOBS)),
        "events": lag.measure(now=now).backlog,
        "histories": PendingHistory.objects.count(),
        "cards": Item.objects.filter(card_version__lt=F("version")).count(),
    }


def get_messages() -> dict[str, Any]:
    """Return the number of messages by queue, and the times at which unacknowledged messages were taken."""
    queues = {key.pattern: state_redis().llen(key.pattern) for key in keys.BROKER_QUEUES}
    index: Any = state_redis().zrange(keys.BROKER_UNACKED_INDEX.name(), 0, -1, withscores=True)
    return {"queues": queues, "taken_at": [taken_at for _, taken_at in index]}


def get_event_results() -> dict[str, Any]:
    """Return the stored counts, histories, dead letters and checkpoints."""
    checkpoints = Checkpoint.objects.values(
        "reader", "events", "duplicates", "dead_letters_lost", "stream_resets"
    )
    histories = inspection.stored_histories()
    return {
        "counts": [[*cell, *sums] for cell, sums in inspection.stored_counts().items()],
        "histories": {uid: [sorted(seen), affinities] for uid, (seen, affinities) in histories.items()},
        "dead_letters": list(DeadLetter.objects.values("reason", "viewer", "item")),
        "checkpoints": list(checkpoints),
    }


def get_people_results(uids: list[str]) -> dict[str, Any]:
    """Return all activities, and the profile and timelines of each person.

    Activities are `[uid, title, at, status, favorite, rating]`.
    """
    rows = Activity.objects.exclude(status=None, favorite=False, rating=None).order_by("uid", "title")
    activities = rows.values_list("uid", "title", "at", "status", "favorite", "rating")
    return {
        "activities": [list(activity) for activity in activities],
        "people": {uid: _get_person(uid) for uid in uids},
    }


def get_catalogue_results() -> dict[str, Any]:
    """Return the published items, cards that differ from SQL, violations of declared keys, and the indexes' age."""
    published = set(Item.objects.filter(status=Item.Status.PUBLISHED).values_list("id", flat=True))
    ids = list(Item.objects.order_by("id").values_list("id", flat=True))
    with_card = {item for item, card in zip(ids, cards.get_cards(ids), strict=True) if card is not None}
    return {
        "published": sorted(published),
        "wrong_cards": sorted(published ^ with_card),
        "key_violations": inspection.find_key_violations(),
        "index_age": index_status.get_status(now=time.time()).age_seconds,
    }


def _get_person(uid: str) -> dict[str, Any]:
    """Return a person's profile and timelines.

    The timeline is read from the store (`durable`), from the cache (`cached`; None if it is not loaded), and as a plan
    reads it (`visible`); then the cache is loaded again (`reloaded`, `visible_after_reload`).
    """
    stored = get_store().get_profile(uid)
    profile = profiles.get(uid)
    durable = get_store().get_timeline(uid, limit=MAX_TIMELINE_ROWS)
    cached = inspection.cached_rows(uid)
    visible = _get_visible_rows(uid)
    reloaded = inspection.reloaded_rows(uid)
    return {
        "profile_differences": _compare_profiles(profile, stored),
        "following": profile.following_count,
        "pull_list": list(profile.pull_list),
        "durable": _to_lists(durable),
        "cached": None if cached is None else _to_lists(cached),
        "reloaded": _to_lists(reloaded or []),
        "visible": visible,
        "visible_after_reload": _get_visible_rows(uid),
    }


def _compare_profiles(cached: Profile, stored: Profile | None) -> dict[str, list[str]]:
    """Return the cached and the stored value of each field that differs."""
    other = stored or Profile(cached.uid)
    values = {
        field.name: (getattr(cached, field.name), getattr(other, field.name)) for field in fields(Profile)
    }
    return {name: [str(one), str(two)] for name, (one, two) in values.items() if one != two}


def _get_visible_rows(uid: str) -> list[list[Any]]:
    entries = inspection.read_timeline(profiles.get(uid))
    return _to_lists([row for entry in entries for row in entry.supporters])


def _to_lists(rows: list[TimelineRow]) -> list[list[Any]]:
    """Return rows as sorted lists of author, title, at, status, favorite and rating."""
    return sorted([*pair, *values] for pair, values in inspection.rows_by_author_and_title(rows).items())
