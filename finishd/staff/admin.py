"""Other people's models under unfold: staff accounts and Celery's schedule."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from finishd.privacy.models import Erasure

for _model in (User, Group, PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The tasks that Celery knows, as the original lists them."""


class PeriodicTaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = TaskSelect()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, ModelAdmin):
    """Staff's edits stay: entries are made once, by migrations."""

    form = PeriodicTaskForm
    date_hierarchy = None
    list_display = ["name", "enabled", "scheduler", "last_run_at", "total_run_count"]
    list_filter = ["enabled", "task"]


class TaskInline(TabularInline):
    model = PeriodicTask
    fields = readonly_fields = ["name", "task", "enabled"]
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "tasks on this schedule"

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False


@admin.register(IntervalSchedule, ClockedSchedule, SolarSchedule)
class ScheduleAdmin(ModelAdmin):
    inlines = [TaskInline]


@admin.register(CrontabSchedule)
class CrontabAdmin(beat.CrontabScheduleAdmin, ModelAdmin):
    inlines = [TaskInline]


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
