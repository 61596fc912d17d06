"""The history of index builds. The primary key of a build is its generation."""

from django.db import models
from django.db.models import Q


class IndexBuild(models.Model):
    """One attempt to rebuild the indexes."""

    class Outcome(models.TextChoices):
        RUNNING = "running"
        PUBLISHED = "published"
        REFUSED = "refused"
        FAILED = "failed"

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.RUNNING)
    items = models.PositiveIntegerField(default=0)
    sizes = models.JSONField(default=dict, blank=True)
    genres = models.JSONField(default=dict, blank=True)
    detail = models.CharField(max_length=500, blank=True, default="")
    keys_deleted = models.BooleanField(
        default=False, help_text="The generation's keys were deleted from Redis."
    )

    class Meta:
        ordering = ["-pk"]
        permissions = [("view_plan", "Can view a viewer's plan")]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["running", "published", "refused", "failed"]),
                name="build_outcome_valid",
            )
        ]
        indexes = [models.Index(fields=["keys_deleted", "outcome"], name="build_keys_deleted_outcome")]

    def __str__(self) -> str:
        return f"generation {self.pk}: {self.outcome}"
