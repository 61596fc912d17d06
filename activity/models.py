"""The tables of the ORM activity store, which only `activity.store.orm` and the admin read, and PendingHistory,
which is in SQL whatever the store.

Times are epoch seconds, as in the protocol, so that both stores keep the same numbers.
"""

from django.db import models
from django.db.models import Q

from activity.types import UID_LENGTH

_TITLE_LENGTH = 80
_REACHES = ("pushed", "rising", "pulled", "sinking")


class Person(models.Model):
    """Whoever chose or watched something, as the token's `sub` names them."""

    uid = models.CharField(max_length=UID_LENGTH, primary_key=True)
    name = models.CharField(max_length=200, null=True, blank=True)
    picture = models.CharField(max_length=1000, null=True, blank=True)
    genres = models.JSONField(default=list, blank=True)
    likings = models.JSONField(default=dict, blank=True, help_text="Genre → sum of what titles added.")
    learned = models.JSONField(default=dict, blank=True, help_text="Genre → sum of what events added.")
    learned_at = models.BigIntegerField(default=0)
    skipped = models.JSONField(default=dict, blank=True, help_text="Title → when.")
    applied = models.JSONField(
        default=dict, blank=True, help_text="Stream → the id up to which it is counted."
    )
    finished = models.JSONField(default=list, blank=True)
    blocked = models.JSONField(default=list, blank=True)
    blocked_by = models.JSONField(default=list, blank=True)
    pulled = models.JSONField(default=list, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    following = models.PositiveIntegerField(default=0)
    reach = models.CharField(max_length=8, choices=[(r, r) for r in _REACHES], default="pushed")
    active_at = models.BigIntegerField(default=0)
    choice_version = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.CheckConstraint(condition=~Q(uid=""), name="person_uid_not_empty"),
            models.CheckConstraint(condition=Q(reach__in=_REACHES), name="person_reach_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.uid


class SeenHistory(models.Model):
    """The newest items that a person has seen, one row a person: `[[item id, epoch seconds], …]`."""

    uid = models.CharField(max_length=UID_LENGTH, primary_key=True)
    items = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "seen histories"

    def __str__(self) -> str:
        return self.uid


class Activity(models.Model):
    """One person's relation to one title, and how far the delivery of its newest version is."""

    uid = models.CharField(max_length=UID_LENGTH)
    title = models.CharField(max_length=_TITLE_LENGTH)
    status = models.CharField(max_length=16, null=True, blank=True)
    favorite = models.BooleanField(default=False)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    source = models.CharField(max_length=16, null=True, blank=True)
    liking = models.JSONField(default=dict, blank=True)
    at = models.BigIntegerField()
    recorded_at = models.FloatField(default=0.0)
    version = models.PositiveIntegerField(default=1)
    followers = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    cursor = models.CharField(max_length=UID_LENGTH, blank=True, default="")
    first_at = models.FloatField(null=True, blank=True)
    last_at = models.FloatField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "activities"
        constraints = [
            models.UniqueConstraint(fields=["uid", "title"], name="activity_once"),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5),
                name="activity_rating_in_range",
            ),
        ]
        indexes = [
            models.Index(fields=["uid", "-at"], name="activity_uid_at"),
            models.Index(fields=["-recorded_at"], name="activity_recorded"),
        ]

    def __str__(self) -> str:
        return f"{self.uid}: {self.title}"


class Follow(models.Model):
    """An edge. Edges are rows of their own: an array of them would outgrow any document."""

    follower = models.CharField(max_length=UID_LENGTH)
    followee = models.CharField(max_length=UID_LENGTH)
    at = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["follower", "followee"], name="follow_once")]
        indexes = [
            models.Index(fields=["followee", "follower"], name="follow_fanout"),
            models.Index(fields=["followee", "-at"], name="follow_followers"),
            models.Index(fields=["follower", "-at"], name="follow_following"),
        ]

    def __str__(self) -> str:
        return f"{self.follower} → {self.followee}"


class Delivery(models.Model):
    """The durable timeline: (viewer, actor, title), written blind, so delivering twice is delivering once."""

    viewer = models.CharField(max_length=UID_LENGTH)
    actor = models.CharField(max_length=UID_LENGTH)
    title = models.CharField(max_length=_TITLE_LENGTH)
    at = models.BigIntegerField()
    status = models.CharField(max_length=16, null=True, blank=True)
    favorite = models.BooleanField(default=False)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    actor_name = models.CharField(max_length=200, null=True, blank=True)
    actor_picture = models.CharField(max_length=1000, null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["viewer", "actor", "title"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5),
                name="delivery_rating_in_range",
            ),
        ]
        indexes = [
            models.Index(fields=["viewer", "-at"], name="delivery_viewer_at"),
            models.Index(fields=["actor"], name="delivery_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.viewer} ← {self.actor}: {self.title}"


class Job(models.Model):
    """Work that a change left to do; it stays until it is done."""

    kind = models.CharField(max_length=16)
    subject = models.CharField(max_length=UID_LENGTH)
    target = models.CharField(max_length=UID_LENGTH, blank=True, default="")
    version = models.PositiveIntegerField(default=0)
    due = models.FloatField()
    first_due = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject", "target"], name="job_once")]
        indexes = [
            models.Index(fields=["due"], name="job_due"),
            models.Index(fields=["first_due"], name="job_first_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.target}"


class PendingHistory(models.Model):
    """What a viewer's events in one batch of a stream came to, until the activity store has it.

    `stream` and `upto` are those of `activity.types.Slice`, `body` is the rest of it. `due` is epoch seconds:
    from then on it is flushed, with all else that is pending of the viewer.
    """

    uid = models.CharField(max_length=UID_LENGTH)
    stream = models.CharField(max_length=64)
    upto = models.CharField(max_length=48)
    body = models.JSONField()
    created_at = models.FloatField()
    due = models.FloatField()

    class Meta:
        verbose_name_plural = "pending histories"
        indexes = [
            models.Index(fields=["uid"], name="pending_uid"),
            models.Index(fields=["due"], name="pending_due"),
        ]

    def __str__(self) -> str:
        return f"{self.uid} up to {self.upto}"
