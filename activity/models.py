"""The tables of the ORM activity store. Only `activity.store.orm` and the admin read them."""

from django.db import models
from django.db.models import Q

from activity.types import UID_LENGTH


class Person(models.Model):
    """Whoever signed in and chose something, as the token's `sub` names them."""

    uid = models.CharField(max_length=UID_LENGTH, primary_key=True)
    name = models.CharField(max_length=200, null=True, blank=True)
    picture = models.CharField(max_length=1000, null=True, blank=True)
    genres = models.JSONField(default=list, blank=True)
    affinities = models.JSONField(default=dict, blank=True)
    finished = models.JSONField(default=list, blank=True)
    blocked = models.JSONField(default=list, blank=True)
    blocked_by = models.JSONField(default=list, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    choice_version = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "people"
        constraints = [models.CheckConstraint(condition=~Q(uid=""), name="person_uid_not_empty")]

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


class Delivery(models.Model):
    """The durable timeline: (viewer, actor, title), written blind, so delivering twice is delivering once."""

    viewer = models.CharField(max_length=UID_LENGTH)
    actor = models.CharField(max_length=UID_LENGTH)
    title = models.CharField(max_length=80)
    at = models.DateTimeField()
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
        indexes = [models.Index(fields=["viewer", "-at"], name="delivery_viewer_at")]

    def __str__(self) -> str:
        return f"{self.viewer} ← {self.actor}: {self.title}"
