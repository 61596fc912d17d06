"""The reader that counts events, and stores those that cannot be counted as dead letters."""

from django.db import transaction

from analytics import count_writer, counting
from analytics.services import dead_letters, reader, voting
from analytics.types import COUNTS_READER
from content.services import items


def count_batch(shard: int, *, now: float, count: int | None = None) -> bool:
    """Count the next batch of a shard's events, and return whether there are more.

    `count` limits the batch, by default to `reader.BATCH_SIZE` events; `now` is epoch seconds. Raises
    `reader.CheckpointMoved`, Redis errors and database errors; nothing was counted then.
    Cost for up to 5,000 events: 5 SQL, 1 more for every 2,000 rows of counts, 4 more with dead letters; 6 round trips.
    """
    batch = reader.read_batch(COUNTS_READER, shard, count=count, now=now)
    if batch is None:
        return False
    existing_items = items.get_existing_ids(list({event.item for event in batch.events}))
    countable = [event for event in batch.events if event.item in existing_items]
    sums = voting.get_count_sums(countable, shard, now=now)
    letters = dead_letters.find_uncountable(batch, existing_items)
    with transaction.atomic():
        # Advance first: if two processes count the same batch, the second one blocks here and then raises.
        reader.advance_checkpoint(batch, now=now)
        count_writer.add_counts(counting.to_rows(sums))
        dead_letters.save(batch, letters, now=now)
    reader.trim_read_entries(shard)
    return batch.has_more
