"""Genres in the admin, with the review queue of genres that imports created."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms import Form, ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2Widget

from content.models import Genre, GenreAlias, GenreTmdbId
from content.services import curation, genres


class AliasForm(ModelForm):  # type: ignore[type-arg]
    """A form to add a spelling. A saved spelling can be deleted, but not changed.

    A spelling of another genre is refused. Staff delete it there first, or merge the genres.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].label = "Spelling"
        self.fields["key"].disabled = not self.instance._state.adding

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if self.fields["key"].disabled:
            return key
        try:
            _, key = genres.clean_name(key)
        except ValueError as reason:
            raise ValidationError("Enter letters or digits, 64 characters at most.") from reason
        if existing := GenreAlias.objects.select_related("genre").filter(key=key).first():
            raise ValidationError(f"“{key}” is already a spelling of {existing.genre}.")
        return key


class AliasInline(TabularInline):
    model = GenreAlias
    form = AliasForm
    extra = 1
    hide_title = True
    verbose_name = "spelling"
    verbose_name_plural = "other spellings (case, accents and punctuation are ignored)"


class TmdbIdInline(TabularInline):
    model = GenreTmdbId
    extra = 0
    hide_title = True
    verbose_name = "TMDB id"
    verbose_name_plural = "TMDB ids"


class MergeForm(Form):
    into = ModelChoiceField(Genre.objects.all(), label="Merge into", widget=UnfoldAdminSelect2Widget)

    @property
    def media(self) -> Any:
        return super().media + UnfoldAdminSelect2Widget().media


@admin.register(Genre)
class GenreAdmin(ModelAdmin):
    """Genres, with those that need review first."""

    list_display = ["name", "slug", "reviewed", "spellings", "item_count", "created_at"]
    list_filter = ["reviewed"]
    search_fields = ["name", "slug", "aliases__key"]
    ordering = ["reviewed", "name"]
    actions = ["mark_reviewed", "merge_into"]
    inlines = [AliasInline, TmdbIdInline]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["created_at"]
    list_before_template = "content/admin/review_queue.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Genre]:
        queryset: QuerySet[Genre] = super().get_queryset(request)
        return queryset.annotate(item_total=Count("item_genres")).prefetch_related("aliases")

    def get_readonly_fields(self, request: HttpRequest, obj: Genre | None = None) -> list[str]:
        # The slug is part of index names and of viewers' preferences, so it cannot change.
        return [*self.readonly_fields, *(["slug"] if obj else [])]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Genre | None = None) -> dict[str, list[str]]:
        return {} if obj else self.prepopulated_fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"reviewed": True, **super().get_changeform_initial_data(request)}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        unreviewed = Genre.objects.filter(reviewed=False).count()
        response: HttpResponse = super().changelist_view(
            request, {"unreviewed": unreviewed, **(extra_context or {})}
        )
        return response

    def save_model(self, request: HttpRequest, obj: Genre, form: "ModelForm[Genre]", change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "name" in form.changed_data:
            curation.queue_cards_of_genre(obj, now=timezone.now())

    @display(description="spellings")
    def spellings(self, genre: Genre) -> str:
        return ", ".join(alias.key for alias in genre.aliases.all())

    @display(description="items", ordering="item_total")
    def item_count(self, genre: Any) -> int:
        return int(genre.item_total)

    @admin.action(description="Mark as reviewed", permissions=["change"])
    def mark_reviewed(self, request: HttpRequest, queryset: QuerySet[Genre]) -> None:
        reviewed = curation.mark_reviewed([genre.pk for genre in queryset])
        self.message_user(request, f"{reviewed} genre{'' if reviewed == 1 else 's'} marked as reviewed.")

    @admin.action(description="Merge into …", permissions=["delete"])
    def merge_into(self, request: HttpRequest, queryset: QuerySet[Genre]) -> HttpResponse | None:
        chosen = list(queryset)
        form = MergeForm(request.POST if "into" in request.POST else None)
        if form.is_valid():
            target: Genre = form.cleaned_data["into"]
            moved = curation.merge([genre.pk for genre in chosen], into=target.pk, now=timezone.now())
            names = ", ".join(genre.name for genre in chosen if genre.pk != target.pk)
            self.message_user(
                request,
                f"{names or 'Nothing'} merged into {target}: {moved} item{'' if moved == 1 else 's'} moved.",
            )
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Merge genres",
            "chosen": chosen,
            "form": form,
            "media": self.media + form.media,
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "content/admin/merge.html", context)
