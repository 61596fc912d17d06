"""The formats of import files. If two formats fit a file equally well, the first one is used."""

from typing import Final

from content.importing.formats.base import Format, Row
from content.importing.formats.master import MASTER
from content.importing.formats.tmdb_csv import TMDB_CSV
from content.importing.formats.wikipedia import WIKIPEDIA

__all__ = ["FORMATS", "FORMATS_BY_NAME", "Format", "Row"]

FORMATS: Final = (MASTER, TMDB_CSV, WIKIPEDIA)
FORMATS_BY_NAME: Final = {each.name: each for each in FORMATS}
