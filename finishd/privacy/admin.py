"""Admin page for erasure requests. Read-only: `manage.py erase_user` creates them."""

from django.contrib import admin
from unfold.decorators import display

from core.admin import ReadOnlyAdmin
from finishd.privacy.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Erasure requests and their progress."""

    list_display = ["__str__", "state", "requested_at", "erased_at", "verified_at", "due_at"]
    sortable_by = None
    ordering = ["-requested_at"]

    @display(
        description="state",
        label={
            "verified": "success",
            "verification pending": "info",
            "in progress": "warning",
            "references remain": "danger",
        },
    )
    def state(self, erasure: Erasure) -> str:
        if erasure.verified_at:
            return "verified"
        if erasure.remaining:
            return "references remain"
        return "verification pending" if erasure.erased_at else "in progress"
