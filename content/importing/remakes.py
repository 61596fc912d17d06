"""Tell remakes from films that two lists date differently.

Lists of films may have one film twice, a year or two apart. A film that was released three or more years from the
one with the same id is another film, and gets an id with its year.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from content.importing.formats import Row
from content.models import Item

MIN_YEARS_APART: Final = 3


class FilmYears:
    """The year of each film that a row could be a remake of: of stored items, and of earlier rows of the import.

    Memory: about 100 bytes for each row that has a `remake_id`.
    """

    def __init__(self) -> None:
        self._years: dict[int, int] = {}  # by the hash of the id, to save memory

    def load(self, rows: Iterable[Row]) -> None:
        """Load the years of the stored items of these rows. Cost: 1 SQL query, none if no row can be a remake."""
        ids = {row.id for row in rows if row.remake_id and hash(row.id) not in self._years}
        if ids:
            stored = Item.objects.filter(id__in=ids).values_list("id", "release_year")
            self._years.update((hash(item_id), year) for item_id, year in stored if year is not None)

    def separate(self, row: Row) -> Row:
        """Return the row, with its `remake_id` as id if it is a remake of the film with its id."""
        year = row.columns.get("release_year")
        if row.remake_id is None or year is None:
            return row
        first_year = self._years.setdefault(hash(row.id), year)
        return replace(row, id=row.remake_id) if abs(year - first_year) >= MIN_YEARS_APART else row
