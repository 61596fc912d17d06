"""The catalogue: items, genres, and the genres of each item.

SQL is the source of truth. Cards and facts in Redis are made from these rows.
"""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from content.genres import normalize
from content.signals import item_saved
from content.types import CONTENT_TYPES, ITEM_ID_LENGTH, ITEM_ID_PATTERN, MEDIA_TYPES, YEARS, title_key


class Genre(models.Model):
    """A genre. Other spellings of its name are aliases."""

    slug = models.SlugField(max_length=64, unique=True, allow_unicode=True)
    name = models.CharField(max_length=64, unique=True)
    reviewed = models.BooleanField(
        default=False,
        db_index=True,
        help_text="Staff have reviewed this genre. An import creates genres that are not reviewed.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(slug=""), name="genre_slug_not_empty"),
            models.CheckConstraint(condition=~Q(name=""), name="genre_name_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the genre, and make its name and slug aliases unless another genre has that spelling."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            for key in {normalize(self.name), normalize(self.slug)}:
                GenreAlias.objects.get_or_create(key=key, defaults={"genre": self})


class GenreAlias(models.Model):
    """A spelling of a genre, as `content.genres.normalize` returns it: letters and digits only."""

    key = models.CharField(max_length=64, primary_key=True)
    genre = models.ForeignKey(Genre, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        verbose_name_plural = "genre aliases"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.key = normalize(self.key)
        super().save(*args, **kwargs)


class GenreTmdbId(models.Model):
    """An id of a genre at TMDB. Some genres have two: one for films and one for series."""

    tmdb_id = models.PositiveIntegerField(primary_key=True)
    genre = models.ForeignKey(Genre, on_delete=models.CASCADE, related_name="tmdb_ids")

    class Meta:
        verbose_name = "TMDB genre id"
        ordering = ["tmdb_id"]

    def __str__(self) -> str:
        return str(self.tmdb_id)


class Item(models.Model):
    """One thing that a feed can show: a trailer, a clip, an image … of a title.

    Change items with `save()` or with `content.services.items`, never with a bare `update()`. The
    transaction that changes an item must raise its `version`, because a card in Redis is only
    replaced by a card with a higher version.
    """

    # The columns that every save writes.
    SAVED_WITH_VERSION = ("title_key", "published_at", "updated_at", "version")

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    id = models.CharField(
        primary_key=True,
        max_length=ITEM_ID_LENGTH,
        validators=[RegexValidator(ITEM_ID_PATTERN, "An id has 1 to 64 characters and no whitespace.")],
    )
    content_type = models.CharField(max_length=16, choices=[(c, c) for c in CONTENT_TYPES], default="trailer")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    title = models.CharField(max_length=300)
    tmdb_id = models.PositiveIntegerField(null=True, blank=True)
    media_type = models.CharField(max_length=8, choices=[(m, m) for m in MEDIA_TYPES], null=True, blank=True)
    title_key = models.CharField(max_length=80, editable=False)
    overview = models.TextField(null=True, blank=True)
    poster_path = models.CharField(max_length=300, null=True, blank=True)
    backdrop_path = models.CharField(max_length=300, null=True, blank=True)
    youtube_key = models.CharField(max_length=64, null=True, blank=True)
    video_name = models.CharField(max_length=300, null=True, blank=True)
    video_type = models.CharField(max_length=64, null=True, blank=True)
    thumbnail_url = models.CharField(max_length=1000, null=True, blank=True)
    image_url = models.CharField(max_length=1000, null=True, blank=True)
    release_date = models.DateField(null=True, blank=True)
    release_year = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(YEARS[0]), MaxValueValidator(YEARS[1])],
        help_text="For items of which only the year is known. A release date takes precedence.",
    )
    channel_title = models.CharField(max_length=200, null=True, blank=True)
    description = models.TextField(null=True, blank=True)
    vote_average = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(10.0)]
    )
    vote_count = models.PositiveIntegerField(default=0)
    popularity = models.FloatField(default=0.0, validators=[MinValueValidator(0.0)])
    like_count = models.PositiveIntegerField(null=True, blank=True, editable=False)
    view_count = models.PositiveIntegerField(null=True, blank=True, editable=False)
    share_count = models.PositiveIntegerField(null=True, blank=True, editable=False)
    genres = models.ManyToManyField(Genre, through="ItemGenre", related_name="items")
    staff_boost = models.SmallIntegerField(
        default=0,
        validators=[MinValueValidator(-10), MaxValueValidator(10)],
        help_text="-10 to 10. Moves the item in every index, from the next index rebuild on.",
    )
    hidden = models.BooleanField(default=False, help_text="Search finds the item, but feeds do not show it.")
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveBigIntegerField(default=1, editable=False)
    card_version = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(id=""), name="item_id_not_empty"),
            models.CheckConstraint(condition=~Q(title=""), name="item_title_not_empty"),
            models.CheckConstraint(
                condition=Q(content_type__in=CONTENT_TYPES), name="item_content_type_valid"
            ),
            models.CheckConstraint(
                condition=Q(media_type__isnull=True) | Q(media_type__in=MEDIA_TYPES),
                name="item_media_type_valid",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "published", "archived"]), name="item_status_valid"
            ),
            models.CheckConstraint(
                condition=Q(staff_boost__gte=-10, staff_boost__lte=10), name="item_boost_in_range"
            ),
            models.CheckConstraint(condition=Q(popularity__gte=0), name="item_popularity_not_negative"),
            models.CheckConstraint(
                condition=Q(vote_average__isnull=True) | Q(vote_average__gte=0, vote_average__lte=10),
                name="item_vote_average_in_range",
            ),
            models.CheckConstraint(
                condition=Q(release_year__isnull=True)
                | Q(release_year__gte=YEARS[0], release_year__lte=YEARS[1]),
                name="item_release_year_in_range",
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | Q(published_at__isnull=False),
                name="item_published_has_date",
            ),
        ]
        indexes = [
            models.Index(fields=["title_key", "status"], name="item_title_status"),
            models.Index(fields=["status", "-popularity", "id"], name="item_status_popularity"),
            models.Index(fields=["-updated_at"], name="item_updated"),
            # For the sweep. The index is nearly always empty.
            models.Index(fields=["id"], condition=Q(card_version__lt=F("version")), name="item_stale_card"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.content_type})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the item with a higher version; its card and facts are written after the commit.

        A new item with an existing id raises IntegrityError instead of overwriting the stored item.
        """
        title_key_before = self.title_key
        self.title_key = title_key(self.id, self.media_type, self.tmdb_id)
        if self.status == self.Status.PUBLISHED and self.published_at is None:
            self.published_at = timezone.now()
        if self._state.adding:
            kwargs["force_insert"] = True
        else:
            self.version = F("version") + 1  # SQL adds, so that concurrent saves get different versions
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], *self.SAVED_WITH_VERSION}
        with transaction.atomic():
            super().save(*args, **kwargs)
            self.refresh_from_db(fields=["version"])
            title_keys = sorted({title_key_before, self.title_key} - {""})
            item_saved.send(Item, item_id=self.id, title_keys=title_keys)


class ItemGenre(models.Model):
    """A genre of an item. Position 0 is the primary genre."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="item_genres")
    genre = models.ForeignKey(Genre, on_delete=models.PROTECT, related_name="item_genres")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["item", "genre"], name="item_genre_unique")]

    def __str__(self) -> str:
        return f"{self.item_id}: {self.genre_id}"
