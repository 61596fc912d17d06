"""Counters and histograms of the feed, by process."""

from typing import Final

from core.telemetry import STEP_BUCKETS, counter, histogram

PLAN_LOOKUPS: Final = counter("plan_lookups_total", "Plan lookups, by outcome.", "feed", "outcome")
BUILD_TIME: Final = histogram(
    "chunk_build_duration", "Time to build a chunk of a plan.", "feed", buckets=STEP_BUCKETS
)
RECALL_TIME: Final = histogram(
    "recall_duration", "Duration of the recall round trip that all sources share.", buckets=STEP_BUCKETS
)
SOURCE_TIME: Final = histogram(
    "source_duration", "Time a source needs after recall.", "source", buckets=STEP_BUCKETS
)
SOURCE_FAILURES: Final = counter(
    "source_failures_total", "Sources left out of a chunk, by reason.", "source", "reason"
)
SLOTS_SERVED: Final = counter(
    "slots_served_total", "Slots served, by feed type and source.", "feed", "source"
)
