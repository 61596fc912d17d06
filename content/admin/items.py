"""Items in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR
from django.db.models import Case, IntegerField, Prefetch, QuerySet, Value, When
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from content.models import Item, ItemGenre
from content.services import items, search

BOOST_STEP = 5
MAX_FOUND = 200  # items that a search shows
Status = Item.Status


class ItemGenreInline(TabularInline):
    """The genres of an item, which staff order by dragging. The first is the primary genre."""

    model = ItemGenre
    extra = 0
    hide_title = True
    fields = ["genre", "position"]
    ordering_field = "position"
    hide_ordering_field = True
    autocomplete_fields = ["genre"]
    verbose_name = "genre"
    verbose_name_plural = "genres (the first is the primary genre)"


class BoostFilter(DropdownFilter):
    title = "staff boost"
    parameter_name = "boost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("up", "Boosted"), ("down", "Buried"), ("none", "Not boosted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        conditions = {
            "up": {"staff_boost__gt": 0},
            "down": {"staff_boost__lt": 0},
            "none": {"staff_boost": 0},
        }
        return queryset.filter(**conditions.get(self.value() or "", {}))


@admin.register(Item)
class ItemAdmin(ModelAdmin):
    """Items. Staff cannot delete them, only archive them."""

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
    show_full_result_count = False  # saves a query that counts all items
    search_fields = ["title"]  # shows the search box; see get_search_results
    search_help_text = "Title, name of the video, year, genre, id or TMDB id"
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
        ("Media", {"classes": ["tab"], "fields": [
            "youtube_key", "video_name", "video_type", "channel_title", "thumbnail_url", "image_url",
            "description"]}),
        ("System", {"classes": ["tab"], "fields": [
            "published_at", ("created_at", "updated_at"), ("version", "card_version"),
            ("like_count", "view_count", "share_count")]}),
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        links = ItemGenre.objects.select_related("genre")
        queryset: QuerySet[Item] = super().get_queryset(request)
        return queryset.prefetch_related(Prefetch("item_genres", links))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Item], search_term: str
    ) -> tuple[QuerySet[Item], bool]:
        """Find items as the API does, drafts included, best match first unless staff chose a column.

        Cost: up to 3 SQL queries more than a list without a search.
        """
        if not search_term.strip():
            return queryset, False
        ids = search.find_for_staff(search_term, limit=MAX_FOUND)
        found = queryset.filter(id__in=ids)
        if ORDER_VAR not in request.GET:
            places = [When(id=item_id, then=Value(place)) for place, item_id in enumerate(ids)]
            found = found.order_by(Case(*places, default=Value(len(ids)), output_field=IntegerField()))
        return found, False

    def get_readonly_fields(self, request: HttpRequest, obj: Item | None = None) -> list[str]:
        return [*self.readonly_fields, *(["id"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return False

    def save_related(
        self, request: HttpRequest, form: "ModelForm[Item]", formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        for position, link in enumerate(form.instance.item_genres.order_by("position", "pk")):
            ItemGenre.objects.filter(pk=link.pk).exclude(position=position).update(position=position)

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

    @admin.action(description=f"Boost (+{BOOST_STEP})", permissions=["change"])
    def boost(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_boost(request, queryset, BOOST_STEP)

    @admin.action(description=f"Bury (-{BOOST_STEP})", permissions=["change"])
    def bury(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_boost(request, queryset, -BOOST_STEP)

    @admin.action(description="Clear boost", permissions=["change"])
    def clear_boost(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        self._set_boost(request, queryset, 0)

    def _set_status(self, request: HttpRequest, queryset: QuerySet[Item], status: Item.Status) -> None:
        ids = _get_ids(queryset)
        changed = items.set_status(ids, status, now=timezone.now())
        label = status.label.lower()
        self._report_change(request, f"now {label}", f"already {label}", changed, len(ids))

    def _set_boost(self, request: HttpRequest, queryset: QuerySet[Item], boost: int) -> None:
        ids = _get_ids(queryset)
        changed = items.set_boost(ids, boost, now=timezone.now())
        state = f"now boosted by {boost:+d}" if boost else "no longer boosted"
        effect = f"{state} (applies at the next index rebuild)"
        self._report_change(request, effect, "unchanged", changed, len(ids))

    def _report_change(
        self, request: HttpRequest, new_state: str, old_state: str, changed: int, selected: int
    ) -> None:
        """Show one message for all selected items."""
        text = f"{changed} item{'' if changed == 1 else 's'} {'is' if changed == 1 else 'are'} {new_state}."
        if unchanged := selected - changed:
            text += f" {unchanged} {'was' if unchanged == 1 else 'were'} {old_state}."
        self.message_user(request, text, messages.SUCCESS if changed else messages.INFO)


def _get_ids(queryset: QuerySet[Item]) -> list[str]:
    return list(queryset.values_list("pk", flat=True))
