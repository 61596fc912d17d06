"""What SQL knows of the Redis at REDIS_URL: its newest heartbeat, and its restarts and losses."""

from django.db import models


class KnownHeartbeat(models.Model):
    """The newest heartbeat that Redis acknowledged, at most some seconds old. There is one row."""

    number = models.BigIntegerField()
    at = models.FloatField(help_text="Epoch seconds.")

    def __str__(self) -> str:
        return f"heartbeat {self.number}"


class RedisLoss(models.Model):
    """A restart or failover of Redis, with what it lost. The row remains unrepaired until the repair is done."""

    class Kind(models.TextChoices):
        RESTARTED = "restarted", "restarted: nothing older than a second was lost"
        ROLLED_BACK = "rolled_back", "rolled back: the last writes were lost"
        EMPTIED = "emptied", "emptied: all was lost"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    stamp = models.CharField(max_length=16, help_text="The first digits of the new server's run id.")
    number = models.BigIntegerField(help_text="The heartbeat that survived; 0 if none did.")
    survived_at = models.FloatField(help_text="Epoch seconds: what was written before is there.")
    lost_seconds = models.FloatField(help_text="From the surviving heartbeat to the newest known one.")
    detected_at = models.FloatField(help_text="Epoch seconds.")
    repaired_at = models.FloatField(null=True, blank=True, help_text="Epoch seconds.")

    class Meta:
        verbose_name = "Redis loss"
        verbose_name_plural = "Redis losses"
        constraints = [models.UniqueConstraint(fields=["stamp", "number"], name="redis_loss_unique")]

    def __str__(self) -> str:
        return f"{self.kind} {self.stamp}"
