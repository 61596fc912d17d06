"""The checkpoints of readers, and what becomes of them when Redis lost a stream or its end.

A stream that Redis lost has a successor with another stream id: readers start at its beginning. A stream whose end was
lost continues on another Redis server. The servers that a checkpoint knows tell where: what later servers appended is
new, also if its ids are below the checkpoint's position because their clock is behind.
"""

import logging

from django.db import transaction

from analytics.models import Checkpoint
from analytics.stream import STREAM_START, StreamState
from analytics.types import READERS, parse_entry_id

logger = logging.getLogger(__name__)


def ensure_checkpoint(reader: str, shard: int) -> Checkpoint:
    """Return a checkpoint. A new shard gets those of all readers at once, because a trim needs all of them."""
    checkpoint = Checkpoint.objects.filter(reader=reader, shard=shard).first()
    if checkpoint is None:
        rows = [Checkpoint(reader=name, shard=shard) for name in READERS]
        Checkpoint.objects.bulk_create(rows, ignore_conflicts=True)
        checkpoint = Checkpoint.objects.get(reader=reader, shard=shard)
    return checkpoint


def has_stream_changed(checkpoint: Checkpoint, state: StreamState) -> bool:
    """Return whether the checkpoint belongs to another stream, or lies after the end of what was left of this one."""
    if (state.stream_id or "") != checkpoint.stream_id:
        return True
    return parse_entry_id(checkpoint.position) > parse_entry_id(_find_end(checkpoint, state)[0])


def reset_checkpoints(shard: int, state: StreamState) -> None:
    """Move all readers of a shard to the stream that exists now. Logs and counts each reset."""
    with transaction.atomic():
        rows = Checkpoint.objects.select_for_update().filter(shard=shard).order_by("reader")
        changed = [row for row in rows if has_stream_changed(row, state)]
        lost = [f"{row.reader} at {row.position} of {row.stream_id}" for row in changed if row.stream_id]
        for row in changed:
            _reset(row, state)
    if lost:
        logger.warning(
            "shard %s: stream reset, Redis lost unread events; checkpoints reset from %s to %s",
            shard,
            ", ".join(lost),
            state,
        )


def _reset(row: Checkpoint, state: StreamState) -> None:
    row.stream_resets += 1 if row.stream_id else 0
    # The end of the same stream was lost. All that is left of what this reader knew was read.
    is_same = row.stream_id == state.stream_id
    row.position, row.entries_read = _find_end(row, state) if is_same else (STREAM_START, 0)
    row.stream_id = state.stream_id or ""
    row.save(update_fields=["position", "entries_read", "stream_id", "stream_resets"])


def _find_end(checkpoint: Checkpoint, state: StreamState) -> tuple[str, int]:
    """Return the last entry that was left of the stream that the checkpoint knows, and the number of entries then."""
    successor = state.find_successor(checkpoint.servers.splitlines())
    if successor is None:
        return state.last_id, state.entries_added
    return successor.last_id, successor.entries_added
