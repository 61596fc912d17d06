"""The tables of analytics. No uid is in a count; only a dead letter names a viewer."""

from django.db import models

from analytics.types import KINDS

_ITEM_LENGTH = 64
_POSITION_LENGTH = 48


class Count(models.Model):
    """What was done to an item in a span of time: an hour, a day, or ever (`total`, whose `start` is 0).

    `start` is epoch seconds. `votes` are of hours only. Rows are added to, never set: see `analytics.adding`.
    """

    class Span(models.TextChoices):
        HOUR = "hour"
        DAY = "day"
        TOTAL = "total"

    pk = models.CompositePrimaryKey("item", "span", "start", "kind")
    item = models.CharField(max_length=_ITEM_LENGTH)
    span = models.CharField(max_length=8, choices=Span.choices)
    start = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in KINDS])
    events = models.BigIntegerField(default=0)
    votes = models.BigIntegerField(default=0)
    seconds = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["span", "start"], name="count_span_start")]

    def __str__(self) -> str:
        return f"{self.item}: {self.events} of {self.kind} in the {self.span} of {self.start}"


class Checkpoint(models.Model):
    """How far a reader is in a shard's stream, and what it met on the way.

    `born` names the stream itself: another name is another stream, of a Redis that was emptied. `read` counts
    the entries of this stream; the other sums are of all streams that the shard ever had.
    """

    reader = models.CharField(max_length=16)
    shard = models.PositiveSmallIntegerField()
    born = models.CharField(max_length=_POSITION_LENGTH, blank=True, default="")
    position = models.CharField(max_length=_POSITION_LENGTH, default="0-0")
    read = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    letters_lost = models.BigIntegerField(
        default=0,
        help_text="Events that could not be counted and found no room among the dead letters either.",
    )
    resets = models.PositiveIntegerField(default=0)
    rate = models.FloatField(default=0.0, help_text="Events per second in the newest batch.")
    moved_at = models.DateTimeField(
        "moved",
        null=True,
        blank=True,
        help_text="When the reader last took a batch; without events it stays where it is.",
    )

    class Meta:
        verbose_name = "event stream"
        verbose_name_plural = "event streams"
        constraints = [models.UniqueConstraint(fields=["shard", "reader"], name="checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.reader} of shard {self.shard}"


class DeadLetter(models.Model):
    """An event that could not be counted, with what came and why. Bounded: see `analytics.services.letters`."""

    class Reason(models.TextChoices):
        UNKNOWN_ITEM = "unknown_item"
        BROKEN = "broken"

    shard = models.PositiveSmallIntegerField()
    event = models.CharField(max_length=_POSITION_LENGTH)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    viewer = models.CharField(max_length=128, blank=True, default="")
    item = models.CharField(max_length=_ITEM_LENGTH, blank=True, default="")
    payload = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["viewer"], name="letter_viewer"),
            models.Index(fields=["reason", "created_at"], name="letter_reason_created"),
            models.Index(fields=["created_at"], name="letter_created"),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.item or self.event}"
