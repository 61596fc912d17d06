"""Sign-in attempts, counted in SQL while Redis is unavailable."""

from django.db import models


class LoginBucket(models.Model):
    """The recent login attempts with one name or from one address, as a digest, while Redis was unavailable."""

    subject = models.CharField(max_length=64, primary_key=True)
    full_at = models.BigIntegerField(
        db_index=True,
        help_text="Microseconds since 1970. The bucket is full again at this time and can be deleted.",
    )

    def __str__(self) -> str:
        return self.subject
