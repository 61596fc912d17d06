"""The part of docs/ARCHITECTURE.md that is made of code; `python -m finishd.docs` writes it anew."""

from pathlib import Path
from typing import Final

from finishd.lib import keys

ARCHITECTURE: Final = Path(__file__).resolve().parent.parent / "docs" / "ARCHITECTURE.md"
BEGIN: Final = "<!-- keys: made by `python -m finishd.docs` -->\n"
END: Final = "<!-- end of keys -->"
_UNITS: Final = ((keys.DAY, "d"), (keys.HOUR, "h"), (keys.MINUTE, "min"), (1, "s"))


def key_table() -> str:
    """Every declared Redis key as a Markdown table."""
    rows = [
        f"| `{k.pattern}` | {k.kind} | {k.owner} | {_lifetime(k.ttl)} | {k.bound} |" for k in keys.declared()
    ]
    return "\n".join(["| key | type | owner | lives | bound |", "|---|---|---|---|---|", *rows]) + "\n"


def renewed(text: str) -> str:
    """The document with its table as the code has it. Raises ValueError if its two marks are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{ARCHITECTURE.name} has lost the marks of its key table")
    return f"{before}{begin}{key_table()}{end}{after}"


def _lifetime(seconds: int | None) -> str:
    if seconds is None:
        return "no expiry"
    size, unit = next(pair for pair in _UNITS if seconds % pair[0] == 0)
    return f"{seconds // size} {unit}"


if __name__ == "__main__":
    ARCHITECTURE.write_text(renewed(ARCHITECTURE.read_text(encoding="utf-8")), encoding="utf-8")
