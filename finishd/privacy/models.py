"""Erasure requests. SQL keeps them, so none is lost when a worker or a message is."""

from django.db import models
from django.db.models import Q

from activity.types import MAX_UID_LENGTH


class Erasure(models.Model):
    """A request to erase a person. The uid is blanked once the erasure has been verified."""

    uid = models.CharField(max_length=MAX_UID_LENGTH, blank=True)
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="The sweep queues the erasure again at this time.")
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="When a search found no reference for the first time."
    )
    verified_at = models.DateTimeField(
        null=True, blank=True, help_text="When the second search found no reference."
    )
    remaining = models.JSONField(
        default=dict, blank=True, help_text="References that the last search found, by place."
    )

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["uid"], condition=Q(verified_at=None), name="erasure_one_open_per_uid"
            ),
            models.CheckConstraint(
                condition=Q(verified_at=None) | Q(uid=""), name="erasure_verified_has_no_uid"
            ),
        ]
        indexes = [models.Index(fields=["verified_at", "due_at"], name="erasure_due")]

    def __str__(self) -> str:
        return f"erasure {self.pk}"
