"""Admin page for erasure requests. Read-only: `manage.py erase_user` creates them."""

from typing import Any

from django.contrib import admin
from unfold.admin import ModelAdmin
from unfold.decorators import display

from finishd.privacy.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(ModelAdmin):
    """Who asked to be erased, and how far it is; `manage.py erase_user` begins one."""

    list_display = ["__str__", "state", "asked_at", "erased_at", "done_at", "due_at"]
    list_per_page = 50
    show_full_result_count = False
    ordering = ["-asked_at"]

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False

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
