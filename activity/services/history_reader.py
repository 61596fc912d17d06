"""Read events into viewers' histories: seen items, skipped titles and affinity sums.

The reader inserts pending history, one row per viewer and batch. `flushing` writes it to the activity store.
"""

from collections.abc import Iterable
from typing import Final

from django.db import transaction

from activity.rules import events as event_rules
from activity.services import history, pending_history
from analytics.services import reader
from analytics.types import HISTORY_READER
from content.services import cards
from content.types import Facts

FACTS_PER_READ: Final = 500


def read_batch(shard: int, *, now: float) -> bool:
    """Read the next batch of a shard's events; return whether more events are left.

    Plans leave out the seen items as soon as Redis has them, which is before the commit; a repeat is idempotent.

    Cost, for any number of events: 4 SQL queries and 6 round trips for a batch of up to 160 viewers (PostgreSQL: 500)
    and 500 items; 1 more round trip for each further 500 items and for each further 1,000 viewers.
    Raises CheckpointMoved if another process read the same batch first (nothing of this batch is stored then), and
    the errors of Redis and the database.
    """
    batch = reader.read_batch(HISTORY_READER, shard, now=now)
    if batch is None:
        return False
    events = event_rules.select_relevant_events(batch.events)
    facts = _get_facts(event.item for event in events)
    deltas = event_rules.fold_events(events, facts, stream=batch.stream_name, end_id=batch.end_id)
    history.cache_recently_seen(deltas)
    with transaction.atomic():
        reader.advance_checkpoint(batch, now=now)
        pending_history.insert(deltas, now=now)
    reader.trim_read_entries(shard)
    return batch.has_more


def _get_facts(items: Iterable[str]) -> dict[str, Facts]:
    ids = sorted(set(items))
    facts: dict[str, Facts] = {}
    for start in range(0, len(ids), FACTS_PER_READ):
        facts |= cards.get_facts(ids[start : start + FACTS_PER_READ])
    return facts
