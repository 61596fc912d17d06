"""The layouts of import files, in the order in which they are tried."""

from typing import Final

from content.importing.layouts.base import CSV, JSON, Layout, NumberedRow, open_without_bom, starts_as_json
from content.importing.layouts.csv_table import CSV_TABLE
from content.importing.layouts.json_lines import JSON_LINES
from content.importing.layouts.json_value import JSON_LIST, JSON_OBJECT

__all__ = ["CSV", "JSON", "LAYOUTS", "Layout", "NumberedRow", "open_without_bom", "starts_as_json"]

LAYOUTS: Final = (JSON_LIST, JSON_LINES, JSON_OBJECT, CSV_TABLE)
