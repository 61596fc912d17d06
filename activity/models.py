"""The tables of the ORM activity store, and PendingHistory, which is in SQL whichever store is used.

Only `activity.store.orm` and the admin read the store's tables. Times are epoch seconds, as in the store protocol.
"""

from django.db import models
from django.db.models import Q

from activity.types import MAX_NAME_LENGTH, MAX_PICTURE_LENGTH, MAX_UID_LENGTH

_MAX_TITLE_LENGTH = 80
_REACHES = ("push", "to_pull", "pull", "to_push")


class Person(models.Model):
    """A user that the store has a record of."""

    uid = models.CharField(max_length=MAX_UID_LENGTH, primary_key=True)
    name = models.CharField(max_length=MAX_NAME_LENGTH, null=True, blank=True)
    picture = models.CharField(max_length=MAX_PICTURE_LENGTH, null=True, blank=True)
    genres = models.JSONField(default=list, blank=True)
    title_affinity_sums = models.JSONField(
        default=dict, blank=True, help_text="Genre → sum of what titles contributed."
    )
    event_affinity_sums = models.JSONField(
        default=dict, blank=True, help_text="Genre → decayed sum of what events contributed."
    )
    event_affinity_at = models.BigIntegerField(default=0)
    skipped = models.JSONField(default=dict, blank=True, help_text="Title → epoch seconds.")
    stream_positions = models.JSONField(
        default=dict, blank=True, help_text="Stream → id of the last entry applied."
    )
    finished = models.JSONField(default=list, blank=True)
    blocked = models.JSONField(default=list, blank=True)
    blocked_by = models.JSONField(default=list, blank=True)
    pull_list = models.JSONField(default=list, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    following_count = models.PositiveIntegerField(default=0)
    reach = models.CharField(max_length=8, choices=[(r, r) for r in _REACHES], default="push")
    active_at = models.BigIntegerField(default=0)
    choice_version = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.CheckConstraint(condition=~Q(uid=""), name="person_uid_not_empty"),
            models.CheckConstraint(condition=Q(reach__in=_REACHES), name="person_reach_valid"),
        ]

    def __str__(self) -> str:
        return self.name or self.uid


class SeenHistory(models.Model):
    """The newest items that a person has seen, one row per person: `[[item id, epoch seconds], …]`."""

    uid = models.CharField(max_length=MAX_UID_LENGTH, primary_key=True)
    items = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "seen histories"

    def __str__(self) -> str:
        return self.uid


class ActivityColumns(models.Model):
    """The columns of the table of activities."""

    uid = models.CharField(max_length=MAX_UID_LENGTH)
    title = models.CharField(max_length=_MAX_TITLE_LENGTH)
    status = models.CharField(max_length=16, null=True, blank=True)
    favorite = models.BooleanField(default=False)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    origin = models.CharField(max_length=16, null=True, blank=True)
    affinity_gain = models.JSONField(default=dict, blank=True)
    at = models.BigIntegerField()
    recorded_at = models.FloatField(default=0.0)
    version = models.PositiveIntegerField(default=1)
    follower_count = models.PositiveIntegerField(default=0)
    delivered_count = models.PositiveIntegerField(default=0)
    cursor = models.CharField(max_length=MAX_UID_LENGTH, blank=True, default="")
    started_at = models.FloatField(null=True, blank=True)
    updated_at = models.FloatField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.uid}: {self.title}"


class Activity(ActivityColumns):
    """A person's relation to a title, with the ledger of its newest version's delivery."""

    # Begins with the uid, so that the table can be partitioned by person. See decision 0026.
    pk = models.CompositePrimaryKey("uid", "title")

    class Meta:
        verbose_name_plural = "activities"
        constraints = [
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5),
                name="activity_rating_valid",
            ),
        ]
        indexes = [
            models.Index(fields=["uid", "-at"], name="activity_uid_at"),
            models.Index(fields=["-recorded_at"], name="activity_recorded"),
            # Few rows: a delivery of one batch never has a cursor. For erasures.
            models.Index(fields=["cursor"], condition=~Q(cursor=""), name="activity_cursor"),
        ]


class ActivityRecord(ActivityColumns):
    """A row of the table of activities, as the admin reads it.

    The admin cannot show models with a composite primary key (decision 0026). `uid` is declared as the primary key
    because Django requires one column, but it is not unique. Only read this model, and find rows by uid and title.
    """

    uid = models.CharField(max_length=MAX_UID_LENGTH, primary_key=True)

    class Meta:
        managed = False
        db_table = "activity_activity"
        default_permissions = ()  # those of Activity apply
        verbose_name = "activity"
        verbose_name_plural = "activities"

    @property  # type: ignore[no-redef]  # replaces Model.pk, of which the admin's templates make links
    def pk(self) -> str:
        """The uid and the title in one text. A title has no space, so the last space separates them."""
        return f"{self.uid} {self.title}"


class Follow(models.Model):
    """A follow edge."""

    follower = models.CharField(max_length=MAX_UID_LENGTH)
    followee = models.CharField(max_length=MAX_UID_LENGTH)
    at = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["follower", "followee"], name="follow_unique")]
        indexes = [
            models.Index(fields=["followee", "follower"], name="follow_delivery"),
            models.Index(fields=["followee", "-at"], name="follow_followers"),
            models.Index(fields=["follower", "-at"], name="follow_following"),
        ]

    def __str__(self) -> str:
        return f"{self.follower} → {self.followee}"


class TimelineRow(models.Model):
    """A row of the durable timeline. Writes overwrite it by its key, so a repeated delivery changes nothing."""

    # Begins with the viewer, so that the table can be partitioned by viewer. See decision 0026.
    pk = models.CompositePrimaryKey("viewer", "author", "title")
    viewer = models.CharField(max_length=MAX_UID_LENGTH)
    author = models.CharField(max_length=MAX_UID_LENGTH)
    title = models.CharField(max_length=_MAX_TITLE_LENGTH)
    at = models.BigIntegerField()
    status = models.CharField(max_length=16, null=True, blank=True)
    favorite = models.BooleanField(default=False)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    author_name = models.CharField(max_length=MAX_NAME_LENGTH, null=True, blank=True)
    author_picture = models.CharField(max_length=MAX_PICTURE_LENGTH, null=True, blank=True)

    class Meta:
        verbose_name_plural = "timeline rows"
        constraints = [
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5),
                name="timeline_rating_valid",
            ),
        ]
        indexes = [
            models.Index(fields=["viewer", "-at"], name="timeline_viewer_at"),
            models.Index(fields=["author"], name="timeline_author"),
        ]

    def __str__(self) -> str:
        return f"{self.viewer} ← {self.author}: {self.title}"


class Job(models.Model):
    """Work that a change left for later. The row remains until the work is done."""

    kind = models.CharField(max_length=16)
    subject = models.CharField(max_length=MAX_UID_LENGTH)
    target = models.CharField(max_length=MAX_UID_LENGTH, blank=True, default="")
    version = models.PositiveIntegerField(default=0)
    due = models.FloatField()
    first_due = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject", "target"], name="job_unique")]
        indexes = [
            models.Index(fields=["due"], name="job_due"),
            models.Index(fields=["first_due"], name="job_first_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.target}"


class PendingHistory(models.Model):
    """A history delta that the activity store does not have yet.

    `stream` and `end_id` are those of `activity.types.HistoryDelta`, `delta` is the rest of it. From `due` (epoch
    seconds) on, the row is flushed together with all pending history of the viewer.
    """

    uid = models.CharField(max_length=MAX_UID_LENGTH)
    stream = models.CharField(max_length=64)
    end_id = models.CharField(max_length=48)
    delta = models.JSONField()
    created_at = models.FloatField()
    due = models.FloatField()

    class Meta:
        verbose_name_plural = "pending histories"
        indexes = [
            models.Index(fields=["uid"], name="pending_uid"),
            models.Index(fields=["due"], name="pending_due"),
        ]

    def __str__(self) -> str:
        return f"{self.uid} up to {self.end_id}"
