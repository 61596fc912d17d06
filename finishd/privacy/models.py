"""Erasure requests, kept in SQL so that none is lost half-way."""

from django.db import models
from django.db.models import Q

from activity.types import UID_LENGTH


class Erasure(models.Model):
    """A request to erase a person. The uid stands here until it is done, and is blank from then on."""

    uid = models.CharField(max_length=UID_LENGTH, blank=True)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Not done by then, beat takes it up again.")
    erased_at = models.DateTimeField(null=True, blank=True, help_text="Nothing was left for the first time.")
    done_at = models.DateTimeField(null=True, blank=True, help_text="Nothing was left at the second look.")
    left = models.JSONField(default=dict, blank=True, help_text="Where the last look still found the person.")

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["uid"], condition=Q(done_at=None), name="erasure_once"),
            models.CheckConstraint(condition=Q(done_at=None) | Q(uid=""), name="erasure_done_forgets"),
        ]
        indexes = [models.Index(fields=["done_at", "due_at"], name="erasure_due")]

    def __str__(self) -> str:
        return f"erasure {self.pk}"
