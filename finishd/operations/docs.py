"""Generate the table in docs/REDIS_KEYS.md: `make keys`."""

import os
from pathlib import Path
from typing import Final

import django

from core.redis.keys import get_declared_keys
from core.units import DAY, HOUR, MINUTE

KEYS_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "REDIS_KEYS.md"
BEGIN: Final = "<!-- keys: made by `make keys` -->\n"
END: Final = "<!-- end of keys -->"
_UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))


def make_key_table() -> str:
    """Return all declared Redis keys as a Markdown table."""
    keys = sorted(get_declared_keys(), key=lambda key: (key.owner, key.pattern))
    rows = [
        f"| `{k.pattern}` | {k.type} | {k.owner} | {_format_ttl(k.ttl)} | {_format_flag(k.is_derived)} | {k.bound} |"
        for k in keys
    ]
    return (
        "\n".join(["| key | type | owner | TTL | derived | bound |", "|---|---|---|---|---|---|", *rows])
        + "\n"
    )


def replace_key_table(text: str) -> str:
    """Return the document with the current table. Raises ValueError if the document lacks one of the markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{KEYS_PAGE.name} lacks a marker of the key table")
    return f"{before}{begin}{make_key_table()}{end}{after}"


def _format_flag(flag: bool) -> str:
    return "yes" if flag else "no"


def _format_ttl(seconds: int | None) -> str:
    if seconds is None:
        return "no expiry"
    size, unit = next(pair for pair in _UNITS if seconds % pair[0] == 0)
    return f"{seconds // size} {unit}"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")
    django.setup()  # the apps declare their keys
    KEYS_PAGE.write_text(replace_key_table(KEYS_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
