"""Admin page for erasure requests. Read-only: `manage.py erase_user` creates them."""

from django.contrib import admin
from unfold.decorators import display

from core.admin import ReadOnlyAdmin
from finishd.privacy.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Who asked to be erased, and how far it is; `manage.py erase_user` begins one."""

    list_display = ["__str__", "state", "asked_at", "erased_at", "done_at", "due_at"]
    sortable_by = None
    ordering = ["-asked_at"]

    @display(
        description="state",
        label={
            "done": "success",
            "second look to come": "info",
            "under way": "warning",
            "something is left": "danger",
        },
    )
    def state(self, erasure: Erasure) -> str:
        if erasure.done_at:
            return "done"
        if erasure.left:
            return "something is left"
        return "second look to come" if erasure.erased_at else "under way"
