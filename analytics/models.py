"""The tables of analytics. Counts hold no uid; only a dead letter names a viewer."""

from django.db import models

from analytics.types import EVENT_KINDS

_ITEM_LENGTH = 64
_ENTRY_ID_LENGTH = 48


class Count(models.Model):
    """The number of events of one kind on an item, in an hour, in a day, or in total.

    `period_start` is epoch seconds, 0 for totals. Only hours have `votes`. Rows are only added to, by
    `analytics.count_writer`. The primary key contains `period_start`, so that PostgreSQL can partition the table by
    month.
    """

    class Period(models.TextChoices):
        HOUR = "hour"
        DAY = "day"
        TOTAL = "total"

    pk = models.CompositePrimaryKey("item", "period", "period_start", "kind")
    item = models.CharField(max_length=_ITEM_LENGTH)
    period = models.CharField(max_length=8, choices=Period.choices)
    period_start = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in EVENT_KINDS])
    events = models.BigIntegerField(default=0)
    votes = models.BigIntegerField(default=0)
    watched_seconds = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["period", "period_start"], name="count_period_start")]

    def __str__(self) -> str:
        return f"{self.item}: {self.events} {self.kind} events in the {self.period} of {self.period_start}"


class Checkpoint(models.Model):
    """The progress of a reader in a shard's stream.

    `position` is the id of the last entry read, `stream_id` identifies the stream, and `servers` has a line for each
    Redis server that it was appended to (see `analytics.stream`).
    `entries_read` counts the entries of this stream; the other counters cover all streams that the shard ever had.
    """

    reader = models.CharField(max_length=16)
    shard = models.PositiveSmallIntegerField()
    stream_id = models.CharField(max_length=_ENTRY_ID_LENGTH, blank=True, default="")
    position = models.CharField(max_length=_ENTRY_ID_LENGTH, default="0-0")
    servers = models.TextField(blank=True, default="")
    entries_read = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    dead_letters_lost = models.BigIntegerField(
        default=0,
        help_text="Events that could not be counted and were dropped because the table of dead letters was full.",
    )
    stream_resets = models.PositiveIntegerField(
        default=0, help_text="How often Redis lost the stream or its end. Unread events in it were lost."
    )
    rate = models.FloatField(default=0.0, help_text="Events per second in the newest batch.")
    advanced_at = models.DateTimeField(
        "last batch",
        null=True,
        blank=True,
        help_text="When the reader last read a batch. It does not change while there are no events.",
    )

    class Meta:
        verbose_name = "event stream"
        verbose_name_plural = "event streams"
        constraints = [models.UniqueConstraint(fields=["shard", "reader"], name="checkpoint_unique")]

    def __str__(self) -> str:
        return f"{self.reader} reader of shard {self.shard}"


class DeadLetter(models.Model):
    """An event that could not be counted, with its payload and the reason.

    The number of dead letters is limited: see `analytics.services.dead_letters`.
    """

    class Reason(models.TextChoices):
        UNKNOWN_ITEM = "unknown_item"
        UNREADABLE = "unreadable"

    shard = models.PositiveSmallIntegerField()
    entry_id = models.CharField(max_length=_ENTRY_ID_LENGTH)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    viewer = models.CharField(max_length=128, blank=True, default="")
    item = models.CharField(max_length=_ITEM_LENGTH, blank=True, default="")
    payload = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["viewer"], name="dead_letter_viewer"),
            models.Index(fields=["reason", "created_at"], name="dead_letter_reason_created"),
            models.Index(fields=["created_at"], name="dead_letter_created"),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.item or self.entry_id}"
