"""The report of an import: the rejected rows as JSON lines with `file`, `row`, `id` and `reason`.

`id` is null for a row without one.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from content.importing.errors import RejectedRow


class Report:
    """A context manager that writes each rejected row at once, so that the report needs no memory.

    On leaving, it removes a report without rows, unless `keep_empty` is set. Entering raises OSError if
    the file cannot be written.
    """

    def __init__(self, path: Path, *, keep_empty: bool) -> None:
        self.path = path
        self.rejected = 0
        self._keep_empty = keep_empty

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", encoding="utf-8")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._file.close()
        if not self.rejected and not self._keep_empty:
            self.path.unlink(missing_ok=True)

    def reject(self, file: Path, row: int, item_id: str | None, rejection: RejectedRow) -> None:
        self.rejected += 1
        line = {"file": str(file), "row": row, "id": item_id, "reason": str(rejection)}
        # `json` escapes everything beyond ASCII, also characters that UTF-8 cannot encode.
        self._file.write(json.dumps(line) + "\n")
