"""Checkpoints that were restored from a backup, while the streams are newer."""

from typing import Final

from django.db import transaction

from analytics import stream
from analytics.models import Checkpoint
from analytics.stream import STREAM_START, StreamState
from analytics.types import READERS, parse_entry_id

_FIRST: Final = "first"  # stands for a reader at the start of a stream


def skip_deleted_entries() -> int:
    """Let restored checkpoints skip the entries that were read after the backup and deleted; return their number.

    These events were counted in the database that was lost. Nothing is counted twice: what is still in a stream, and
    after the checkpoint, has no effect in the restored database. Idempotent. Cost: 1 SQL for each checkpoint that
    changes and 1 more, 2 round trips. Raises Redis errors.
    """
    skipped: dict[int, int] = {}
    with transaction.atomic():
        rows = list(Checkpoint.objects.select_for_update().filter(reader__in=READERS))
        lengths = stream.get_lengths()
        positions = {(row.shard, row.reader): row.position for row in rows}
        starts = {(row.shard, _FIRST): STREAM_START for row in rows}
        states = stream.get_states(positions | starts)
        for row in rows:
            state = states[row.shard, row.reader]
            deleted = state.entries_added - lengths.get(row.shard, 0)
            number = _skip(row, state, deleted, first_id=states[row.shard, _FIRST].oldest_unread_id)
            skipped[row.shard] = max(skipped.get(row.shard, 0), number)
    return sum(skipped.values())


def _skip(row: Checkpoint, state: StreamState, deleted: int, *, first_id: str | None) -> int:
    """Let a checkpoint skip the deleted entries that it has not read, and return their number."""
    if state.stream_id is None:
        return 0
    if row.stream_id != state.stream_id:  # the stream began after the backup
        row.stream_id, row.position, row.entries_read, row.servers = state.stream_id, STREAM_START, 0, ""
    elif first_id is not None and parse_entry_id(first_id) <= parse_entry_id(row.position):
        return 0  # nothing after the checkpoint was deleted
    number = max(deleted - row.entries_read, 0)
    row.entries_read += number
    row.save(update_fields=["stream_id", "position", "entries_read", "servers"])
    return number
