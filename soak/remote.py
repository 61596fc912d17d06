"""The inside of a soak: its little world, what staff do to it, and what it has kept in the end."""

import time
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, Final, ParamSpec

from celery import current_app
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from activity.models import Activity, PendingHistory
from activity.services import profiles
from activity.store import get_store
from activity.types import Profile, StoreUnavailable
from analytics.models import Checkpoint, DeadLetter
from analytics.services import lag
from content.models import Item
from content.services import cards, items
from core.redis.client import REDIS_UNAVAILABLE, state_redis
from feed.services import builds, indexes
from feed.tests import world
from finishd.operations import keys
from finishd.testing import inspection

P = ParamSpec("P")
AWAY: Final = (OperationalError, InterfaceError, BrokerError, StoreUnavailable, *REDIS_UNAVAILABLE)
AT_ONCE: Final = 500


def trying(change: Callable[P, object]) -> Callable[P, bool]:
    """Whether it could be done; False when a part is away, and it is to be tried again."""

    @wraps(change)
    def tried(*args: P.args, **kwargs: P.kwargs) -> bool:
        connection.close()  # one that was cut goes back to the pool, which throws it away
        try:
            change(*args, **kwargs)
        except AWAY:
            return False
        return True

    return tried


def begin(size: int) -> dict[str, Any]:
    """A catalogue and its indexes; genres by item, the title of each, and when this is (epoch seconds)."""
    ids = world.catalogue(size)
    builds.rebuild(now=timezone.now())
    facts = cards.get_facts(ids)
    return {
        "genres": {item: list(about.genres) for item, about in facts.items()},
        "titles": {item: about.title for item, about in facts.items()},
        "now": time.time(),
    }


@trying
def set_status(ids: list[str], status: str) -> None:
    items.set_status(ids, Item.Status(status), now=timezone.now())


@trying
def set_boost(ids: list[str], boost: int) -> None:
    items.set_boost(ids, boost, now=timezone.now())


@trying
def send(task: str) -> None:
    """A message to the workers, as a button in the admin or beat sends it."""
    current_app.send_task(task)


def left() -> dict[str, int]:
    """How much there still is to do, by kind: all zero when it is quiet. Messages to workers are not in it."""
    connection.close()
    events = lag.measure(now=time.time())
    return {
        "jobs": len(get_store().jobs_due(now=time.time() + 3_600, limit=AT_ONCE)),
        "events": events.backlog,
        "histories": PendingHistory.objects.count(),
        "cards": Item.objects.filter(card_version__lt=F("version")).count(),
    }


def messages() -> dict[str, Any]:
    """Messages by queue, and of those that a worker took and did not acknowledge when it took each."""
    queues = {key.pattern: state_redis().llen(key.pattern) for key in keys.BROKER_QUEUES}
    index: Any = state_redis().zrange(keys.BROKER_UNACKED_INDEX.name(), 0, -1, withscores=True)
    return {"queues": queues, "taken": [score for _, score in index]}


def kept_of_phones() -> dict[str, Any]:
    """Counts, what is known of viewers, dead letters, and what readers say of themselves."""
    checkpoints = Checkpoint.objects.values(
        "reader", "events", "duplicates", "dead_letters_lost", "stream_resets"
    )
    return {
        "counts": [[*cell, *sums] for cell, sums in inspection.stored_counts().items()],
        "known": {
            uid: [sorted(seen), weights] for uid, (seen, weights) in inspection.stored_histories().items()
        },
        "letters": list(DeadLetter.objects.values("reason", "viewer", "item")),
        "readers": list(checkpoints),
    }


def kept_of_people(uids: list[str]) -> dict[str, Any]:
    """By uid: profile as Redis and the store have it, rows of the timeline, durable, hot as it is, and as plans read
    it, hot and loaded anew; all activities as [uid, title, deed]."""
    rows = Activity.objects.exclude(status=None, favorite=False, rating=None).order_by("uid", "title")
    deeds = rows.values_list("uid", "title", "at", "status", "favorite", "rating")
    return {"deeds": [list(deed) for deed in deeds], "people": {uid: _kept_of(uid) for uid in uids}}


def kept_of_catalogue() -> dict[str, Any]:
    """Items whose card does not say what SQL does; keys that are not as declared; the indexes."""
    published = set(Item.objects.filter(status=Item.Status.PUBLISHED).values_list("id", flat=True))
    every = list(Item.objects.order_by("id").values_list("id", flat=True))
    shown = {item for item, card in zip(every, cards.get_cards(every), strict=True) if card is not None}
    return {
        "published": sorted(published),
        "mistaken": sorted(published ^ shown),
        "keys": inspection.find_key_violations(),
        "index_age": indexes.status(now=time.time()).age_seconds,
    }


def _kept_of(uid: str) -> dict[str, Any]:
    stored = get_store().profile(uid)
    profile = profiles.get(uid)
    durable = get_store().timeline(uid, limit=5_000)
    hot = inspection.cached_rows(uid)
    seen = _shown(uid)
    loaded = inspection.reloaded_rows(uid)
    return {
        "differs": _differences(profile, stored),
        "following": profile.following,
        "pulled": list(profile.pulled),
        "durable": _rows(durable),
        "hot": None if hot is None else _rows(hot),
        "loaded": _rows(loaded or []),
        "visible": seen,
        "visible_loaded": _shown(uid),
    }


def _differences(hot: Profile, stored: Profile | None) -> dict[str, list[str]]:
    """By field: what Redis has, and what the store does."""
    other = stored or Profile(hot.uid)
    pairs = ((field.name, getattr(hot, field.name), getattr(other, field.name)) for field in fields(Profile))
    return {name: [str(one), str(two)] for name, one, two in pairs if one != two}


def _shown(uid: str) -> list[list[Any]]:
    return _rows([row for entry in inspection.read_timeline(profiles.get(uid)) for row in entry.supporters])


def _rows(rows: Any) -> list[list[Any]]:
    return sorted([*pair, *deed] for pair, deed in inspection.rows_by_author_and_title(rows).items())
