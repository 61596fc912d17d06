"""The rows that could not go in, one JSON object a line: file, row, id (if it names one), reason."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from content.importing.errors import RejectedRow


class Report:
    """Written as the rows come, so that it needs no memory. A file without a line is removed at the end.

    Raises OSError on entering if the file cannot be written.
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

    def reject(self, file: Path, row: int, item_id: str | None, reason: RejectedRow) -> None:
        self.rejected += 1
        line = {"file": str(file), "row": row, "id": item_id, "reason": str(reason)}
        # In ASCII: an id may hold what no encoding takes.
        self._file.write(json.dumps(line) + "\n")
