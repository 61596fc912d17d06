"""The catalogue in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from content.models import Item, ItemGenre
from content.services import items

BOOSTED = 5
Status = Item.Status


class ItemGenreInline(TabularInline):
    """Drag to order; the first is the primary one."""

    model = ItemGenre
    extra = 0
    hide_title = True
    fields = ["genre", "position"]
    ordering_field = "position"
    hide_ordering_field = True
    autocomplete_fields = ["genre"]
    verbose_name = "genre"
    verbose_name_plural = "genres, the primary one first"


class BoostFilter(DropdownFilter):
    title = "staff boost"
    parameter_name = "boost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("up", "Boosted"), ("down", "Buried"), ("none", "Neither")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        conditions = {
            "up": {"staff_boost__gt": 0},
            "down": {"staff_boost__lt": 0},
            "none": {"staff_boost": 0},
        }
        return queryset.filter(**conditions.get(self.value() or "", {}))


@admin.register(Item)
class ItemAdmin(ModelAdmin):
    """The catalogue. Nothing is deleted here: what should go is archived."""

    list_display = [
        "title_and_id",
        "status_label",
        "kind",
        "genre_names",
        "popularity",
        "vote_average",
        "boost_shown",
        "updated_at",
    ]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("content_type", ChoicesDropdownFilter),
        ("media_type", ChoicesDropdownFilter),
        ("genres", RelatedDropdownFilter),
        BoostFilter,
        "hidden",
    ]
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    show_full_result_count = False  # one count less on every page of a big table
    search_fields = ["title", "video_name", "=id", "=tmdb_id"]
    search_help_text = "Title, name of the clip, id or TMDB id"
    ordering = ["-updated_at"]
    actions = ["publish", "unpublish", "archive", "boost", "bury", "clear_boost"]
    inlines = [ItemGenreInline]
    warn_unsaved_form = True
    readonly_fields = [
        "published_at", "created_at", "updated_at", "version", "card_version", "like_count", "view_count",
        "share_count",
    ]  # fmt: skip
    fieldsets = [
        (None, {"fields": ["id", "title", "content_type", ("status", "hidden"), "staff_boost"]}),
        ("Title", {"classes": ["tab"], "fields": [
            ("media_type", "tmdb_id"), ("release_date", "release_year"), "overview",
            ("popularity", "vote_average", "vote_count"), "poster_path", "backdrop_path"]}),
        ("Clip", {"classes": ["tab"], "fields": [
            "youtube_key", "video_name", "video_type", "channel_title", "thumbnail_url", "image_url",
            "description"]}),
        ("Machinery", {"classes": ["tab"], "fields": [
            "published_at", ("created_at", "updated_at"), ("version", "card_version"),
            ("like_count", "view_count", "share_count")]}),
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        links = ItemGenre.objects.select_related("genre")
        queryset: QuerySet[Item] = super().get_queryset(request)
        return queryset.prefetch_related(Prefetch("item_genres", links))

    def get_readonly_fields(self, request: HttpRequest, obj: Item | None = None) -> list[str]:
        return [*self.readonly_fields, *(["id"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return False

    def save_related(
        self, request: HttpRequest, form: "ModelForm[Item]", formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        for place, link in enumerate(form.instance.item_genres.order_by("position", "pk")):
            ItemGenre.objects.filter(pk=link.pk).exclude(position=place).update(position=place)

    @display(description="title", header=True, ordering="title")
    def title_and_id(self, item: Item) -> list[str]:
        return [item.title, item.id]

    @display(
        description="status",
        ordering="status",
        label={"published": "success", "hidden": "info", "draft": "warning", "archived": "danger"},
    )
    def status_label(self, item: Item) -> str:
        return "hidden" if item.hidden and item.status == Status.PUBLISHED else item.status

    @display(description="kind", ordering="content_type")
    def kind(self, item: Item) -> str:
        return f"{item.content_type}, {item.media_type}" if item.media_type else item.content_type

    @display(description="boost", ordering="staff_boost")
    def boost_shown(self, item: Item) -> str:
        return f"{item.staff_boost:+d}" if item.staff_boost else ""

    @display(description="genres")
    def genre_names(self, item: Item) -> str:
        return ", ".join(link.genre.name for link in item.item_genres.all())

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_status(request, queryset, Status.PUBLISHED)

    @admin.action(description="Unpublish (back to draft)", permissions=["change"])
    def unpublish(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_status(request, queryset, Status.DRAFT)

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_status(request, queryset, Status.ARCHIVED)

    @admin.action(description=f"Boost (+{BOOSTED})", permissions=["change"])
    def boost(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_boost(request, queryset, BOOSTED)

    @admin.action(description=f"Bury (-{BOOSTED})", permissions=["change"])
    def bury(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_boost(request, queryset, -BOOSTED)

    @admin.action(description="Neither boost nor bury", permissions=["change"])
    def clear_boost(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_boost(request, queryset, 0)

    def _set_status(self, request: HttpRequest, queryset: QuerySet[Item], status: Item.Status) -> None:
        ids = _ids(queryset)
        changed = items.set_status(ids, status, now=timezone.now())
        self._say(
            request, f"now {status.label.lower()}", f"{status.label.lower()} already", changed, len(ids)
        )

    def _set_boost(self, request: HttpRequest, queryset: QuerySet[Item], boost: int) -> None:
        ids = _ids(queryset)
        changed = items.set_boost(ids, boost, now=timezone.now())
        now = f"now at boost {boost:+d}" if boost else "now without a boost"
        self._say(request, f"{now}, felt at the next rebuild", "so already", changed, len(ids))

    def _say(self, request: HttpRequest, now: str, already: str, changed: int, chosen: int) -> None:
        """One message, whatever the number."""
        rest = f" {chosen - changed} {_were(chosen - changed)} {already}." if chosen > changed else ""
        text = f"{changed} item{'' if changed == 1 else 's'} {_are(changed)} {now}.{rest}"
        self.message_user(request, text, messages.SUCCESS if changed else messages.INFO)


def _ids(queryset: QuerySet[Item]) -> list[str]:
    return list(queryset.values_list("pk", flat=True))


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
