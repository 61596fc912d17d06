"""Sign-in attempts, counted in SQL while Redis is unavailable."""

from django.db import models


class LoginBucket(models.Model):
    """How often somebody lately tried to sign in, while Redis was away: a name or an address, as a digest."""

    subject = models.CharField(max_length=64, primary_key=True)
    full_at = models.BigIntegerField(
        db_index=True, help_text="Microseconds since 1970; then it is as if never."
    )

    def __str__(self) -> str:
        return self.subject
