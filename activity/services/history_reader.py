"""Activity's own reader of the events: what viewers have seen, skipped and come to like.

It never writes per view, and never to the activity store: that is `flushing`.
"""

from collections.abc import Iterable
from typing import Final

from django.db import transaction

from activity import watching
from activity.services import history, pending_history
from analytics.services import reader
from analytics.types import HISTORY_READER
from content.services import cards
from content.types import Facts

FACTS_PER_READ: Final = 500


def read_batch(shard: int, *, now: float) -> bool:
    """Read the next batch of a shard's events; whether more wait.

    Plans leave out what was seen as soon as this has told Redis, which is before it commits: telling twice is
    telling once. Raises CheckpointMoved if another process read the same batch first: then nothing of this one is kept.

    Cost, whatever the number of views: 4 SQL and 6 waits for a batch of up to 160 viewers (PostgreSQL: 500) and 500
    items; each further 500 items are 1 wait more, each further 1,000 viewers 1 more. Raises redis-py's errors and
    the database's; doing it again is safe.
    """
    batch = reader.read_batch(HISTORY_READER, shard, now=now)
    if batch is None:
        return False
    events = watching.telling(batch.events)
    facts = _facts(event.item for event in events)
    slices = watching.fold(events, facts, stream=f"{shard} {batch.stream_id}", end_id=batch.end_id)
    history.cache_recently_seen(slices)
    with transaction.atomic():
        reader.advance_checkpoint(batch, now=now)
        pending_history.insert(slices, now=now)
    reader.trim_read_entries(shard)
    return batch.has_more


def _facts(items: Iterable[str]) -> dict[str, Facts]:
    ids = sorted(set(items))
    facts: dict[str, Facts] = {}
    for start in range(0, len(ids), FACTS_PER_READ):
        facts |= cards.get_facts(ids[start : start + FACTS_PER_READ])
    return facts
