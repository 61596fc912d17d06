"""Read stored data, to compare it with the expected data."""

from typing import Any, Final, cast

from activity import timeline_cache
from activity.models import Person, SeenHistory
from activity.services import timelines
from activity.store.orm.person import from_row
from activity.types import Profile, TimelineEntry, TimelineRow
from analytics.models import Count
from core.redis.client import state_redis
from core.redis.keys import get_declared_keys
from finishd.testing.expected import ExpectedActivity, Pair

PTTL_NO_KEY: Final = -2  # the reply for a missing key


def read_timeline(profile: Profile) -> list[TimelineEntry]:
    """Return the timeline as a plan reads it."""
    return timelines.read(profile).fetch(state_redis())


def cached_rows(uid: str) -> list[TimelineRow] | None:
    [rows] = timeline_cache.read(timeline_cache.key(uid)).fetch(state_redis())
    return rows


def reloaded_rows(uid: str) -> list[TimelineRow] | None:
    timeline_cache.invalidate(uid)
    read_timeline(Profile(uid))
    return cached_rows(uid)


def rows_by_author_and_title(rows: list[TimelineRow]) -> dict[Pair, ExpectedActivity]:
    return {(row.author, row.title): (row.at, row.status, row.favorite, row.rating) for row in rows}


def stored_counts() -> dict[tuple[str, int, str], tuple[int, int]]:
    """Return the stored counts: (item, hour, kind) → (events, seconds watched)."""
    rows = Count.objects.filter(period="hour").exclude(events=0)
    return {
        (row.item, row.period_start, row.kind): (row.events, row.watched_seconds) for row in rows.iterator()
    }


def stored_histories() -> dict[str, tuple[set[str], dict[str, float]]]:
    """Return the seen items and affinities of each viewer."""
    seen = {row.uid: {item for item, _ in row.items} for row in SeenHistory.objects.iterator()}
    people = Person.objects.in_bulk(list(seen))
    return {uid: (items, dict(from_row(people[uid]).profile.affinities)) for uid, items in seen.items()}


def find_key_violations() -> list[str]:
    """Return a message for each Redis key that is not declared, or has the wrong type or TTL."""
    violations = []
    raw: Any
    for raw in state_redis().scan_iter():
        name, kind = raw.decode(), cast(Any, state_redis().type(raw)).decode()
        ttl_ms: Any = state_redis().pttl(raw)
        if ttl_ms == PTTL_NO_KEY or kind == "none":  # it expired during the scan
            continue
        family = next((key for key in get_declared_keys() if key.matches(name)), None)
        if family is None or family.type != kind:
            violations.append(f"{name} ({kind}) is not {f'a {family.type}' if family else 'declared'}")
        elif family.ttl is not None and not 0 <= ttl_ms <= family.ttl * 1000:
            violations.append(f"{name} has a TTL of {ttl_ms} ms, not {family.ttl} s")
    return violations
