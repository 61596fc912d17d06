"""Public interface of activity: other apps, views, admin pages and tasks call these modules.

| subject | modules |
|---|---|
| a viewer | `profiles`, `preferences`, `history` (seen and skipped), `presence` (active or not) |
| names | `people` (from tokens), `names` (many at once) |
| titles | `relations`, `affinity_gains` (what a title adds to affinities) |
| follows and blocks | `follows` |
| timelines | `timelines` (read), `delivery`, `backfill`, `reach`, `rebuilds` (write, for tasks) |
| events | `history_reader`, `pending_history`, `flushing` |
| operations | `sweep` (unfinished jobs), `lag`, `metering` (costs of store calls), `storage` (kind of store) |
| people leaving, and demo people | `privacy` (export, erasure), `seeding` |
"""
