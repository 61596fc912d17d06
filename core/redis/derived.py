"""Delete the keys whose values follow from SQL and the activity store (`Key.is_derived`)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, cast

from core.redis.client import GuardedRedis, unlink_keys
from core.redis.keys import Key, get_declared_keys

SCAN_COUNT: Final = 500  # keys per SCAN call


def delete_derived_keys(client: GuardedRedis, *, is_dry_run: bool = False) -> Counter[str]:
    """Delete all derived keys of a database, and return their number by pattern; a dry run only counts them.

    Idempotent; a call that was interrupted can be repeated. Other clients may use the server meanwhile. Cost: 2 round
    trips per 500 keys of the database, derived or not. Raises Redis errors.
    """
    families: dict[str, list[Key]] = defaultdict(list)
    for family in get_declared_keys():
        families[_get_prefix(family.pattern)].append(family)
    deleted: Counter[str] = Counter()
    cursor = 0
    while True:
        cursor, found = client.scan(cursor, count=SCAN_COUNT)
        names = [cast(bytes, raw).decode(errors="replace") for raw in found]
        derived = [(name, key) for name in names if (key := _find_derived(families, name)) is not None]
        deleted.update(key.pattern for _, key in derived)
        if derived and not is_dry_run:
            unlink_keys(client, [name for name, _ in derived])
        if cursor == 0:
            return deleted


def _find_derived(families: dict[str, list[Key]], name: str) -> Key | None:
    candidates: Sequence[Key] = families.get(_get_prefix(name), ())
    return next((key for key in candidates if key.is_derived and key.matches(name)), None)


def _get_prefix(text: str) -> str:
    return text.partition(":")[0]
