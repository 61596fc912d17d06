"""A search: its words, and the items that it may find."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from content.genres import normalize
from content.search.words import split_chunks

Scope = Literal["titles", "items", "catalogue"]


@dataclass(frozen=True)
class Query:
    """A text, and the items that it may find.

    `scope` is `titles` for one published item of each title that has a TMDB id, `items` for all published items, and
    `catalogue` for all items with any status. Fields other than these three are derived from the text.
    """

    text: str
    scope: Scope = "titles"
    media_type: str | None = None

    @cached_property
    def chunks(self) -> list[list[str]]:
        return split_chunks(self.text)

    @property
    def words(self) -> list[str]:
        return [word for chunk in self.chunks for word in chunk]

    @property
    def genre_key(self) -> str:
        """The text as a spelling of a genre."""
        return normalize(self.text)
