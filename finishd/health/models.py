"""The table that readiness writes to."""

from django.db import models


class Probe(models.Model):
    """A row that a check inserts and deletes in one transaction, so the table stays empty."""

    def __str__(self) -> str:
        return str(self.pk)
