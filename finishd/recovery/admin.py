"""Admin page for the restarts and losses of Redis."""

from django.contrib import admin
from unfold.decorators import display

from core.admin import ReadOnlyAdmin
from core.times import to_datetime
from finishd.recovery.models import RedisLoss


@admin.register(RedisLoss)
class RedisLossAdmin(ReadOnlyAdmin):
    """Restarts and failovers of Redis, and what they lost."""

    list_display = ["kind", "detected", "lost_seconds", "repaired"]
    sortable_by = None
    ordering = ["-pk"]

    @display(description="detected")
    def detected(self, loss: RedisLoss) -> object:
        return to_datetime(loss.detected_at)

    @display(description="repaired")
    def repaired(self, loss: RedisLoss) -> object:
        return to_datetime(loss.repaired_at) if loss.repaired_at else None
