"""The history of index builds; its primary key is the generation."""

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
    dropped = models.BooleanField(default=False, help_text="Its keys are gone from Redis.")

    class Meta:
        ordering = ["-pk"]
        permissions = [("view_plan", "Can view what is planned for a viewer")]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["running", "published", "refused", "failed"]),
                name="build_outcome_known",
            )
        ]
        indexes = [models.Index(fields=["dropped", "outcome"], name="build_dropped_outcome")]

    def __str__(self) -> str:
        return f"generation {self.pk}: {self.outcome}"
