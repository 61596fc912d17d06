"""The public interface of analytics: other apps, views, admin and tasks call only these modules.

- `ingest`: accept events from phones.
- `reader`: read events from the streams, batch by batch, each event once.
- `counter`: the reader that counts events; `voting`: their votes.
- `counts`: the counts of items; `retention`: how long counts are kept.
- `dead_letters`: events that could not be counted.
- `lag`: the backlog and lag of readers.
- `privacy`: export and erasure.
- `restoring`: checkpoints that were restored from a backup.
"""
